"""`npvf audit` from the command line: its table, its verdict in words, its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from npvf.cli.main import main
from npvf.clip import SAMPLES_PER_FRAME, Clip
from npvf.corpora.splits import Split
from tests.helpers.talkers import talker
from tests.helpers.tiny_corpus import write_corpus
from tests.helpers.urls import in_store

pytestmark = pytest.mark.slow


def people(silence: int = 0) -> list[Clip]:
    """Eight reals and eight fakes of eight people in two parts; fakes begin with `silence` frames of nothing."""
    clips = []
    for seed in range(16):
        person, label = f"p{seed // 2}", seed % 2
        split = "train" if seed < 8 else "test"
        clip = talker(f"v{seed:02d}", split, seed, label=label, identity=person, identities=(person,))
        if label:
            clip.meta.manipulation = "swap"
            clip.audio_N = np.concatenate([np.zeros(silence * SAMPLES_PER_FRAME, np.float32), clip.audio_N])[
                : len(clip.audio_N)
            ]
        clips.append(clip)
    return clips


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_corpus(tmp_path_factory.mktemp("corpus"), people()))


def test_a_clean_corpus_passes(clean: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", clean, "--bootstrap", "50"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "8 real and 8 fake videos" in said and "no shortcut: the strongest trait is" in said
    assert "no leakage between train (8 videos), test (8 videos)" in said
    assert "unknown, so not measured:" in said and "encoder tag" in said


def test_silence_before_fakes_fails_and_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, out = write_corpus(tmp_path / "corpus", people(silence=2)), tmp_path / "audit.json"
    assert main(["audit", str(corpus), "--bootstrap", "50", "--out", str(out), "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert content == json.loads(out.read_text()) and content["has_findings"]
    silence = next(one for one in content["shortcuts"] if one["name"] == "digital silence at the start")
    assert silence["auc"] == 1.0 and silence["auc_ci"] == [1.0, 1.0] and silence["is_shortcut"]
    assert any(
        "silence at the start alone gives AUC 1.00" in line and "cut off the start" in line
        for line in content["verdict"]
    )


def test_another_split_can_be_asked_about(clean: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": ["v00", "v02"], "test": ["v01", "v04"]}))
    assert main(["audit", clean, "--bootstrap", "0", "--split-file", str(split)]) == 1
    said = capsys.readouterr().out
    assert "people in several parts of the split (1): p0 (test, train)" in said and "12 videos are in no part" in said
    Split("corpus", "by hand", {}, {"train": ("v00",), "test": ("v01", "v04")}).write(split)
    assert main(["audit", clean, "--bootstrap", "0", "--split-file", str(split)]) == 1
    assert "p0 (test, train)" in capsys.readouterr().out
    assert main(["audit", in_store(Path(clean)), "--bootstrap", "0", "--split-by", "identity"]) == 0
    assert main(["audit", clean, "--split-by", "manipulator"]) == 2
    assert "'manipulator'" in capsys.readouterr().err


@pytest.mark.parametrize("content", ['{"train": ["a"], "test": ["a"]}', "[]", '{"train": 3}'])
def test_a_broken_split_is_refused(
    clean: str, tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "split.json").write_text(content)
    assert main(["audit", clean, "--split-file", str(tmp_path / "split.json")]) == 2
    assert "split.json" in capsys.readouterr().err
