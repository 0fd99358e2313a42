from collections import Counter

import pytest
import torch
from mediapipe.tasks.python.vision import FaceLandmarksConnections

from npvf.models.stddl.face_meshes import face_mesh


def edges(triangles: torch.Tensor) -> Counter:
    return Counter(tuple(sorted(edge)) for a, b, c in triangles.tolist() for edge in ((a, b), (b, c), (c, a)))


def test_the_anchor_mesh_is_the_published_one():
    triangles = face_mesh("anchors", 68)
    assert triangles.shape == (88, 3)
    assert len({frozenset(triangle) for triangle in triangles.tolist()}) == 88
    unused = set(range(68)) - set(triangles.flatten().tolist())
    assert unused == {50, 52, 56, 58, *range(60, 66), 67}
    mapped = face_mesh("anchors")
    assert mapped.shape == (88, 3)
    assert len(set(mapped.flatten().tolist())) == 68 - len(unused)
    # The anchors' chin, tip of the nose, corners of the mouth and outer corners of the eyes.
    named = dict(zip(triangles.flatten().tolist(), mapped.flatten().tolist(), strict=True))
    assert {n: named[n] for n in (8, 30, 48, 54, 36, 45)} == {8: 152, 30: 4, 48: 61, 54: 291, 36: 33, 45: 263}


def test_the_dense_mesh_is_mediapipes_with_eyes_and_mouth_closed():
    triangles = face_mesh("dense", 468)
    assert triangles.shape == (898, 3)
    tessellation = {tuple(sorted((e.start, e.end))) for e in FaceLandmarksConnections.FACE_LANDMARKS_TESSELATION}
    assert tessellation == set(edges(triangles[46:]))
    around = {edge for edge, count in edges(triangles).items() if count == 1}
    oval = {tuple(sorted((e.start, e.end))) for e in FaceLandmarksConnections.FACE_LANDMARKS_FACE_OVAL}
    assert around == oval  # the only border is the face's outline: there is no opening
    assert max(edges(triangles).values()) == 2


def test_a_mesh_of_other_landmarks_is_refused():
    with pytest.raises(ValueError, match="'dense' 478 or 468"):
        face_mesh("dense", 68)
