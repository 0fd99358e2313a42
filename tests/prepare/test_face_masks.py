"""Masks in the crops of faces, and labels that follow them."""

import json
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from npvf.clip import FAKE, REAL, SAMPLE_RATE, Clip
from npvf.io.corpus import Corpus
from npvf.io.masks import write_masks
from npvf.io.shards import decode_clip, encode_clip
from npvf.media.encode import write_video
from npvf.prepare.face_masks import follow_mask, spans_of
from npvf.prepare.run import prepare

SIDE = 256
SOUND_N = (0.4 * np.sin(np.arange(2 * SAMPLE_RATE) / 6)).astype(np.float32)
LEFT_MOUTH = (slice(125, 165), slice(95, 165))  # of the left one of two faces


def two_faces(path: Path, fps: float, seconds: float = 1.2) -> Path:
    portrait = data.astronaut()[:SIDE, 96 : 96 + SIDE]
    picture = np.concatenate([portrait, portrait[:, ::-1]], axis=1)
    write_video(path, [picture] * round(seconds * fps), fps=fps, audio=SOUND_N[: round(seconds * SAMPLE_RATE)])
    return path


def prepared(src: Path, meta: dict) -> tuple[list[Clip], list[dict]]:
    (src / "a.meta.json").write_text(json.dumps(meta))
    phones = {"source": "times", "phones": [{"phone": "aa", "start": 0.2, "end": 0.8}]}
    (src / "a.phones.json").write_text(json.dumps(phones))
    prepare(src, src / "out", workers=0)
    corpus = Corpus(src / "out")
    return list(corpus.clips), corpus.manifest


def mask_video(path: Path, fps: float, seconds: float = 1.2) -> Path:
    """The left mouth is forged from 0.4 s to 0.8 s."""
    frames = np.zeros((round(seconds * fps), SIDE, 2 * SIDE, 3), np.uint8)
    frames[round(0.4 * fps) : round(0.8 * fps), *LEFT_MOUTH] = 255
    write_video(path, frames, fps=fps)
    return path


@pytest.fixture
def src(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    return tmp_path / "src"


@pytest.mark.slow
def test_only_the_face_that_the_mask_meets_is_forged(src):
    """A video of 30 pictures a second, a mask of 25."""
    two_faces(src / "a.mp4", 30)
    (src / "masks").mkdir()
    mask_video(src / "masks" / "m.mkv.mp4", 25)
    said = {"label": 1, "video_label": 1, "manipulation": "lips", "mask": "masks/m.mkv.mp4"}
    (src / "list.csv").write_text("path\na.mp4\n")
    (src / "a.meta.json").write_text(json.dumps(said))
    prepare(src / "list.csv", src / "out", workers=0)
    corpus = Corpus(src / "out")
    left, right = sorted(corpus.clips, key=lambda clip: float(clip.source_landmarks_TN2[0, :, 0].mean()))
    (line,) = corpus.manifest
    assert (line["label"], line["mask"]) == (FAKE, "masks/m.mkv.mp4")
    assert (left.meta.label, left.meta.video_label, left.meta.intervals) == (FAKE, FAKE, ((0.4, 0.8),))
    assert (right.meta.label, right.meta.video_label, right.meta.intervals) == (REAL, REAL, ())
    assert left.mask_THW is not None and right.mask_THW is not None
    assert not right.mask_THW.any()
    assert np.flatnonzero(left.mask_THW.any(axis=(1, 2))).tolist() == list(range(10, 20))
    lips_N2 = left.landmarks_TN2[12][[13, 14, 61, 291]].round().astype(int)
    assert left.mask_THW[12][lips_N2[:, 1], lips_N2[:, 0]].all()
    # The forged rectangle, moved into the crop by hand.
    x, y = np.array([95, 164]), np.array([125, 164])
    corners = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2) @ left.transform_T23[12][:, :2].T
    (x0, y0), (x1, y1) = (
        (corners + left.transform_T23[12][:, 2]).min(0),
        (corners + left.transform_T23[12][:, 2]).max(0),
    )
    rows, columns = np.nonzero(left.mask_THW[12])
    np.testing.assert_allclose((columns.min(), rows.min(), columns.max(), rows.max()), (x0, y0, x1, y1), atol=2.5)
    # A part of the clip that is not forged is real.
    encoded = encode_clip(left)
    assert [decode_clip(encoded, at, 8).meta.label for at in (0, 12, 21)] == [REAL, FAKE, REAL]


@pytest.mark.slow
def test_a_forged_sound_stays_forged_under_an_empty_mask(src):
    two_faces(src / "a.mp4", 25)
    write_masks(src / "a.mask.npz", np.zeros((30, SIDE, 2 * SIDE), bool))
    clips, _ = prepared(src, {"label": 1, "audio_label": 1, "video_label": 0})
    assert [(clip.meta.label, clip.meta.audio_label, clip.meta.video_label) for clip in clips] == [(1, 1, 0)] * 2
    assert all(clip.mask_THW is not None and not clip.mask_THW.any() for clip in clips)


@pytest.mark.slow
def test_a_video_without_a_mask_has_none(src):
    two_faces(src / "a.mp4", 25)
    clips, _ = prepared(src, {"label": 1})
    assert [(clip.meta.label, clip.mask_THW) for clip in clips] == [(1, None)] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("meta", "mask_frames", "words"),
    [
        ({"label": 1}, 50, "do not belong together"),
        ({"label": 0}, 30, "says that the picture is real"),
        ({"label": 1, "mask": "gone.mp4"}, 30, "gone.mp4 does not exist"),
    ],
)
def test_a_mask_that_contradicts_refuses_the_video(src, meta, mask_frames, words):
    two_faces(src / "a.mp4", 25)
    masks_THW = np.zeros((mask_frames, SIDE, 2 * SIDE), bool)
    masks_THW[:, *LEFT_MOUTH] = True
    write_masks(src / "a.mask.npz", masks_THW)
    clips, (line,) = prepared(src, meta)
    assert not clips
    assert line["reason"] == "bad_mask"
    assert words in line["sentence"]


@pytest.mark.slow
def test_a_mask_that_came_or_changed_since_is_noticed(src):
    two_faces(src / "a.mp4", 25)
    masks_THW = np.zeros((50, SIDE, 2 * SIDE), bool)
    write_masks(src / "a.mask.npz", masks_THW)
    assert prepared(src, {"label": 1})[1][0]["reason"] == "bad_mask"
    write_masks(src / "a.mask.npz", masks_THW[:30])
    assert prepared(src, {"label": 1})[1][0]["status"] == "prepared"


def test_labels_follow_the_mask_of_a_forged_picture():
    met_T, none_T = np.arange(25) >= 10, np.zeros(25, bool)
    assert follow_mask(FAKE, None, FAKE, (), met_T) == (FAKE, FAKE, ((0.4, 1.0),))
    assert follow_mask(FAKE, None, FAKE, ((0.0, 0.5),), met_T) == (FAKE, FAKE, ((0.0, 0.5),))
    assert follow_mask(FAKE, REAL, FAKE, ((0.0, 1.0),), none_T) == (REAL, REAL, ())
    assert follow_mask(FAKE, FAKE, FAKE, ((0.0, 1.0),), none_T) == (FAKE, REAL, ((0.0, 1.0),))
    assert follow_mask(FAKE, FAKE, FAKE, (), met_T) == (FAKE, FAKE, ())
    assert follow_mask(None, None, None, (), none_T) == (None, REAL, ())


def test_spans_bridge_short_pauses():
    frames_T = np.zeros(40, bool)
    frames_T[[2, 3, 4, 9, 10, 30]] = True
    assert spans_of(frames_T) == ((0.08, 0.44), (1.2, 1.24))
    assert spans_of(np.zeros(4, bool)) == ()
