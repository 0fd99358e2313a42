"""Windows of the question whether anybody here speaks, and one run over a small corpus."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from npvf.clip import Clip, Phone, Phones
from npvf.faces.speaking import energy_envelope
from tests.helpers.shipped_weights import tiny_lips
from tests.helpers.tiny_corpus import blob_clip, write_corpus

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))  # as for a script, whose folder is where it imports from
    yield import_module("peers")
    for name in ("peers", "lr_asd", "machine"):
        sys.modules.pop(name, None)


def test_windows_pair_mouths_with_the_speech_of_other_people(peers) -> None:
    clips = peers.Clips()
    talk, rest = np.ones(60, bool), np.zeros(30, bool)
    clips.names, clips.identities = ["a1", "a2", "b1"], ["a", "a", "b"]
    clips.spoken = [np.append(talk, rest), talk, talk]
    windows = peers.Windows.of(clips, seed=0)
    assert windows.places == [(0, 0), (0, 30), (0, 60), (1, 0), (1, 30), (2, 0), (2, 30)]
    assert windows.own == [(n, n) for n in (0, 1, 3, 4, 5, 6)]
    assert {picture for picture, _ in windows.foreign["a mouth that rests"]} == {2}
    assert len(windows.foreign["a mouth that speaks"]) == 4 * 2 + 2 * 4  # a finds two windows of b, b four of a
    for picture, sound in (pair for pairs in windows.foreign.values() for pair in pairs):
        assert windows.people[picture] != windows.people[sound] and sound != 2


@pytest.mark.slow
def test_one_run_measures_everything_on_the_same_clips(peers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = tiny_lips().save_pretrained(tmp_path / "encoder")
    corpus = write_corpus(tmp_path / "data", [talking(name, seed) for seed, name in enumerate("abcd")])
    words = [str(corpus), "--encoders", str(encoder), "--bootstrap", "20", "--segments", "8", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["peers.py", *words])
    peers.main()
    synchrony, speaking = (read(tmp_path, pattern) for pattern in ("peers-data-*.csv", "peers-speaking-data-*.csv"))
    assert [row["frames"] for row in synchrony] == ["all frames", "all frames", "all frames", "gated"]
    assert {row["clips"] for row in synchrony} == {"4"} and all(row["swap_auc"] for row in synchrony)
    assert synchrony[2]["method"] == f"npv_lips ({encoder})"
    assert [row["method"] for row in speaking] == ["movement of the lips", *(row["method"] for row in synchrony[:3])]
    assert float(speaking[1]["auc_against_a_mouth_that_speaks"].split()[0]) > 0.9  # the blob opens as it is loud


def talking(name: str, seed: int) -> Clip:
    """A blob that speaks all the time; the points of its lips move as its loudness does."""
    clip = blob_clip(name, seed, frames=60, identity=name, identities=(name,))
    energy_T = energy_envelope(clip.audio_N)
    circle_N2 = np.stack([np.cos(np.arange(478)), np.sin(np.arange(478))], -1) * 40 + (112, 120)
    landmarks_TN2 = np.tile(circle_N2, (clip.frames, 1, 1)).astype(np.float32)
    landmarks_TN2[:, [82, 13, 312]] = (112.0, 150.0)
    landmarks_TN2[:, [87, 14, 317]] = (112.0, 150.0)
    landmarks_TN2[:, [87, 14, 317], 1] += (energy_T - energy_T.min())[:, None]
    phones = Phones((Phone("aa", 0.0, clip.seconds),), "times")
    meta = replace(clip.meta, source_sha256=f"{seed:064d}")
    return replace(clip, landmarks_TN2=landmarks_TN2, phones=phones, meta=meta)


def read(folder: Path, pattern: str) -> list[dict[str, str]]:
    (table,) = folder.glob(pattern)
    with table.open(newline="") as file:
        return list(csv.DictReader(file))
