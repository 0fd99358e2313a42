import json
from pathlib import Path

import numpy as np
import pytest

from npvf.cli.main import main
from npvf.clip import FAKE, REAL, Clip
from npvf.data.selection import Selection
from npvf.detect.aggregate import ClipScore
from npvf.detect.detector import Detector
from npvf.detect.loading import FOLDERS
from npvf.errors import NpvfError
from npvf.evaluate.fit_findings import aligned_and_not, moved_audio, other_audio
from npvf.io.corpus import Corpus
from tests.helpers.findings import Told, moving_clip
from tests.helpers.tiny_corpus import write_corpus
from tests.helpers.urls import in_store

pytestmark = pytest.mark.slow


class Loud(Told):
    """Hears whether the audio is that of the clip: its logit is high if the pitch at the start is another one."""

    def score_clip(self, clip: Clip) -> ClipScore:
        noise = np.random.default_rng([*clip.meta.video.encode()]).normal(0, 0.3)
        own = moving_clip(clip.meta.video, int(clip.meta.video[1:])).audio_N[: len(clip.audio_N)]
        same = np.abs(own - clip.audio_N).max() < 0.05
        logits = ((-1.0 if same else 1.0) + noise,)
        return ClipScore(clip.meta.key, clip.meta.video, clip.meta.track, logits, (0,), speech=2.0)


def corpus(folder: Path, first: int = 0, count: int = 12) -> Path:
    """Genuine clips, and as many forged ones of the same people."""
    clips = []
    for n in range(first, first + count):
        who = {"identity": f"p{n}", "identities": (f"p{n}",)}
        for label, video in ((REAL, f"r{n}"), (FAKE, f"f{n}")):
            clip = moving_clip(video, n, label=label, split="val", source_sha256=video, **who)
            # Every clip has a voice of its own.
            clip.audio_N = np.roll(clip.audio_N, 997 * n) if label == FAKE else clip.audio_N
            clips.append(clip)
    return write_corpus(folder, clips)


@pytest.fixture
def detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(FOLDERS, "told", "tests.helpers.findings:Told")
    fakes = {f"f{n}": 2.0 + 0.1 * n for n in range(12)} | {f"r{n}": -2.0 + 0.1 * n for n in range(40)}
    return Detector({"mouth_motion": Told(0.0, **fakes)}).save_pretrained(tmp_path / "d")


def test_the_command_fits_ratios_and_thresholds_on_other_people(detector: Path, tmp_path: Path, capsys) -> None:
    fitted, genuine = corpus(tmp_path / "a"), corpus(tmp_path / "b", first=20)
    places = in_store(fitted), in_store(genuine)
    words = ["calibrate", places[0], "--detector", detector, "--genuine", places[1], "--out", tmp_path / "o", "--json"]
    assert main([str(word) for word in words]) == 0
    said = json.loads(capsys.readouterr().out)["mouth_motion"]
    assert said["videos"] == said["people"] == [12, 12] and said["cllr_min"] == 0 and 0 < said["cllr"] < 0.6
    loaded = Detector.from_pretrained(tmp_path / "o")
    ratio = loaded.likelihood["mouth_motion"]
    assert ratio.log10(9.0) == ratio.upper and 0.5 < ratio.upper < 1.12  # at most log10(13)
    alarms = loaded.settings.false_alarms
    assert (alarms.videos, alarms.people, alarms.alarms) == (12, 12, 0) and loaded.settings.people == 12
    assert "0 of 12 genuine videos of 12 people reach it: at most 22.1%" in (tmp_path / "o" / "card.md").read_text()
    highest = ratio.log_odds(-2.0 + 0.1 * 31)
    assert loaded.settings.threshold == pytest.approx(max(0.5, 1 / (1 + np.exp(-highest))))


def test_the_same_people_in_both_are_refused(detector: Path, tmp_path: Path, capsys) -> None:
    fitted, genuine = corpus(tmp_path / "a", count=2), corpus(tmp_path / "b", first=1, count=2)
    words = ["calibrate", fitted, "--detector", detector, "--genuine", genuine, "--out", tmp_path / "o"]
    assert main([str(word) for word in words]) == 2
    assert "share p1, r1 (2 files or people in all)" in capsys.readouterr().err


def test_a_finding_of_one_class_is_refused_with_advice(detector: Path, tmp_path: Path, capsys) -> None:
    words = ["calibrate", corpus(tmp_path / "a", count=2), "--detector", detector, "--out", tmp_path / "o"]
    assert main([*map(str, words), "--include", "r*"]) == 2
    assert "mouth_motion needs videos in which a generator made" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_sound_and_lips_need_no_forgery(tmp_path: Path) -> None:
    from npvf.evaluate.fit_findings import fit_ratio, observe_sound

    loud = Detector({"sound_and_lips": Loud(every_face=False), "mouth_motion": Told()})
    seen = observe_sound(Corpus(corpus(tmp_path / "a")), loud, Selection(speakers_only=False))
    assert (seen.labels.count(0), seen.labels.count(1), seen.left_out) == (12, 23, {})  # the first has no other voice
    ratio, said = fit_ratio(seen, "sound_and_lips")
    assert ratio.people == (12, 12) and ratio.log_odds(1.0) > 1 > -1 > ratio.log_odds(-1.0) and said["cllr_min"] < 0.2


def test_audio_of_another_moment_and_of_another_person(tmp_path: Path) -> None:
    clip, other = moving_clip("a", 1), moving_clip("b", 2)
    moved = moved_audio(clip, 20)
    assert np.array_equal(moved.audio_N[: 30 * 640], clip.audio_N[20 * 640 :]) and moved.frames == 50
    assert moved.phones.items[0].start == 0 and moved.phones.items[-1].end == pytest.approx(2.0)
    assert sum(p.end - p.start for p in moved.phones.items) == pytest.approx(2.0)
    short = other_audio(clip, moved)
    assert np.array_equal(short.audio_N, moved.audio_N)
    other.audio_N = other.audio_N[: 30 * 640]
    short = other_audio(clip, other)
    assert short.frames == 30 and short.meta.span == (0.0, pytest.approx(1.2)) and len(short.landmarks_TN2) == 30
    pairs = aligned_and_not(Corpus(corpus(tmp_path / "a", count=2)), Selection(label="unforged"))
    labels = [label for _, label in pairs]
    assert labels == [0, 1, 0, 1, 1]


def test_thresholds_need_no_forgeries_but_people_apart() -> None:
    with pytest.raises(NpvfError, match="needs mouth_motion or picture"):
        Detector({})
