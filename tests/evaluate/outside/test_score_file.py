"""Score files of any detector: what is read, what counts as a miss, and what is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from npvf.errors import NpvfError
from npvf.evaluate.outside.score_file import read_score_file


def scores(folder: Path, text: str) -> Path:
    path = folder / "scores.csv"
    path.write_text(text)
    return path


def test_columns_become_annotations(tmp_path: Path) -> None:
    found = read_score_file(
        scores(
            tmp_path,
            "video,score,label,generator,kind,person,source,original\n"
            "a.mp4,0.25,real,,,ann,court,\nb.mp4,0.75,1,wav2lip,B,bob,web,a.mp4\n",
        )
    )
    real, fake = found.manifest
    assert (real["label"], real["identity"], real["identities"], real["attributes"]) == (
        0,
        "ann",
        ["ann"],
        {"source": "court"},
    )
    assert (fake["label"], fake["manipulation"], fake["category"], fake["original"]) == (1, "wav2lip", "B", "a.mp4")
    assert [answer.score for answer in found.answers.values()] == [0.25, 0.75]


def test_what_is_not_a_score_is_a_miss_with_its_reason(tmp_path: Path) -> None:
    cells = {
        "": "no_score",
        "nan": "not_finite",
        "inf": "not_finite",
        "ERROR": "no_score: .*ERROR",
        "1.5": "out_of_range",
    }
    lines = "".join(f"v{n},{cell},\n" for n, cell in enumerate(cells))
    found = read_score_file(scores(tmp_path, f"video,score,reason\n{lines}w,,no_face: none was found\n"))
    for answer, said in zip(found.answers.values(), (*cells.values(), "no_face: none"), strict=True):
        assert answer.score is None
        with pytest.raises(ValueError, match=said):
            raise ValueError(answer.reason)


def test_logits(tmp_path: Path) -> None:
    found = read_score_file(scores(tmp_path, "video,score\na,-1000\nb,0\nc,5\n"), logits=True)
    assert [answer.score for answer in found.answers.values()] == pytest.approx([0, 0.5, 0.9933], abs=1e-4)


def test_videos_are_found_by_id_or_by_path_and_the_others_are_misses(tmp_path: Path) -> None:
    found = read_score_file(scores(tmp_path, "video,score\na.mp4,0.1\n/data/b.mp4,0.2\nnobody.mp4,0.3\n"))
    of = found.of({"a.mp4": Path("/data/a.mp4"), "b.mp4": Path("/data/b.mp4"), "c.mp4": Path("/data/c.mp4")})
    assert [of[name].score for name in ("a.mp4", "b.mp4", "c.mp4")] == [0.1, 0.2, None]
    assert of["c.mp4"].reason == "not_in_scores: scores.csv has no row for it"
    with pytest.raises(NpvfError, match="no score for any of the 1 videos, for example 'z'"):
        found.of({"z": Path("z")})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("video,probability\na,0.5\n", "no column 'score'"),
        ("video,score,colour\na,0.5,red\n", "unknown column 'colour'"),
        ("video,score\na,0.5\na,0.6\n", "line 3: 'a' is listed twice"),
        ("video,score\n,0.5\n", "the column video is empty"),
        ("video,score,label\na,0.5,genuine\n", "the label is 'genuine'"),
        ("video,score\na\n", "line 2: the number of cells"),
        ("video,score\n", "has no rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(NpvfError, match=said):
        read_score_file(scores(tmp_path, text))
