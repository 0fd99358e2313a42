import json
import sys

import numpy as np
import pytest

from npvf.clip import Phone, Phones
from npvf.errors import MissingDependency, NpvfError, Reason, Refused
from npvf.speech import recogniser, sources, transcript
from npvf.speech.sources import find_phones, read_transcript

TIMES = Phones((Phone("m", 0.1, 0.3),), "times")
RECOGNISED = Phones((Phone("b", 0.1, 0.3),), "recogniser")
UNHEARD = Phones((Phone("spn", 0.1, 0.3),), "recogniser")


@pytest.fixture
def audio():
    rng = np.random.default_rng(0)
    voiced = np.repeat([0.0, 0.3, 0.0], [8000, 12_800, 6400]) * np.sign(np.sin(np.arange(27_200) * 0.05))
    return (voiced + rng.normal(0, 1e-3, 27_200)).astype(np.float32)


@pytest.fixture
def video(tmp_path):
    return tmp_path / "clip.one.mp4"  # never opened


@pytest.fixture(autouse=True)
def engines(monkeypatch):
    monkeypatch.setattr(sources, "recognise", lambda audio, heard=None: RECOGNISED)
    monkeypatch.setattr(
        sources, "align_transcript", lambda audio, words: Phones((Phone(words.strip(), 0, 1),), "transcript")
    )


def test_the_order_of_trust(audio, video):
    assert find_phones(audio, video).source == "recogniser"
    video.with_name("clip.one.txt").write_text("sh\n")
    assert find_phones(audio, video).items[0].phone == "sh"
    assert find_phones(audio, video, transcript="zh").items[0].phone == "zh"
    video.with_name("clip.one.ctm").write_text("rec 1 0 1 P\n")
    assert find_phones(audio, video, transcript="zh").items[0].phone == "p"
    video.with_name("clip.one.phones.json").write_text(json.dumps(TIMES.to_json()))
    assert find_phones(audio, video) == TIMES


def test_one_source_by_name(audio, video):
    video.with_name("clip.one.phones.json").write_text(json.dumps(TIMES.to_json()))
    assert find_phones(audio, video, source="recogniser") == RECOGNISED
    assert find_phones(audio, video, source="voice_activity").source == "voice_activity"
    assert find_phones(audio, video, "sh", source="transcript").source == "transcript"
    with pytest.raises(NpvfError, match="no transcript"):
        find_phones(audio, video, source="transcript")
    with pytest.raises(NpvfError, match="no phone times"):
        find_phones(audio, source="times")
    with pytest.raises(ValueError, match="lipreading"):
        find_phones(audio, source="lipreading")


def test_voice_activity_where_the_recogniser_hears_nothing(audio, monkeypatch):
    monkeypatch.setattr(sources, "recognise", lambda audio, heard=None: UNHEARD)
    phones = find_phones(audio)
    assert phones.source == "voice_activity"
    assert [p.phone for p in phones.items] == ["sil", "spn", "sil"]


def test_voice_activity_where_hama_is_not_installed(audio, monkeypatch):
    monkeypatch.setattr(sources, "recognise", recogniser.recognise)
    monkeypatch.setitem(sys.modules, "hama", None)
    recogniser._model.cache_clear()
    assert find_phones(audio).source == "voice_activity"
    with pytest.raises(MissingDependency, match="pip install"):
        find_phones(audio, source="recogniser")


def test_a_transcript_without_its_aligner_is_an_error(audio, monkeypatch):
    monkeypatch.setattr(sources, "align_transcript", transcript.align_transcript)
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    transcript._loaded_decoder.cache_clear()
    with pytest.raises(MissingDependency, match=r"npvf\[prepare\]"):
        find_phones(audio, transcript="hello")


def test_a_broken_sidecar_is_not_passed_over(audio, video):
    video.with_name("clip.one.TextGrid").write_text("nothing of the kind")
    with pytest.raises(Refused) as refusal:
        find_phones(audio, video)
    assert refusal.value.reason is Reason.BAD_SIDECAR


def test_transcripts_beside_the_video(video):
    assert read_transcript(None) is None
    assert read_transcript(video) is None
    path = video.with_name("clip.one.txt")
    path.write_text("Text:  HELLO THERE\nConf:  4\n\nWORD START END ASDSCORE\nHELLO 0.1 0.5 9.1\n")
    assert read_transcript(video).split() == ["HELLO", "THERE"]
    path.write_bytes(b"caf\xe9")
    with pytest.raises(Refused, match="UTF-8"):
        read_transcript(video)


def test_the_recogniser_is_asked_only_where_it_is_needed(audio, tmp_path):
    def listener():
        asked.append(True)
        return recogniser.Heard(np.zeros(0, int), np.zeros(0), np.zeros((0, recogniser.POSTERIORS), np.uint8))

    asked = []
    assert find_phones(audio, source="voice_activity", listener=listener).source == "voice_activity" and not asked
    assert find_phones(audio, source="recogniser", listener=listener) == RECOGNISED and asked == [True]
