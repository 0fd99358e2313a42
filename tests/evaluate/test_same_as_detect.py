"""What `npvf evaluate` measures is what `npvf detect` says: the same probabilities, the same abstentions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest
import torch

from npvf.clip import Clip, Phone, Phones
from npvf.detect.agreement import AgreementPredictor
from npvf.detect.calibration import Calibration
from npvf.detect.fused import FusedDetector
from npvf.detect.fusion import Fusion
from npvf.detect.predictor import Predictor
from npvf.detect.speech_detector import SpeechDetector, SpeechSettings
from npvf.evaluate.baselines.mouth_energy import MouthEnergyPredictor
from npvf.evaluate.baselines.silence import SilencePredictor
from npvf.evaluate.video_scores import score_videos
from npvf.io.corpus import Corpus
from npvf.io.shards import decode_clip
from npvf.models import create_model
from tests.conftest import TINY_MODEL
from tests.detect.test_localizer import red_at
from tests.helpers.labelled_videos import line, make_corpus
from tests.helpers.red_localizer import red_localizer
from tests.helpers.tiny_corpus import blob_clip

pytestmark = pytest.mark.slow

MOUTH = (slice(140, 180), slice(84, 140))
LITTLE = Phones((Phone("sil", 0.0, 0.2), Phone("aa", 0.2, 0.6), Phone("sil", 0.6, 2.0)), "times")


def piece(video: str, seed: int, track: int = 0, number: int = 0, speaks: bool = True, red: bool = False) -> Clip:
    clip = blob_clip(video, seed, sound_seed=seed + number % 2)
    found = red_at(clip, MOUTH if red else (slice(0, 0), slice(0, 0)))
    span = (2.0 * number, 2.0 * number + 2.0)
    meta = replace(clip.meta, key=f"{video}-t{track}-{number:03d}", track=track, span=span, faces=2, is_speaker=speaks)
    return replace(found, meta=meta)


def little(clip: Clip) -> Clip:
    return replace(clip, phones=LITTLE)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Several pieces, two faces that speak in turn, a face that is silent, little speech, and no sound at all."""
    mute = piece("mute", 6, speaks=False, red=True)
    mute.meta.no_sound = "no_audio"
    clips = [
        *[piece("long", 1, number=n, red=n == 1) for n in range(3)],
        *[piece("turns", 2, number=0), piece("turns", 3, 1, 0, speaks=False), piece("turns", 3, 1, 1, red=True)],
        *[piece("other", 4), piece("other", 5, 1, speaks=False, red=True)],
        *[little(piece("little", 7, number=n)) for n in range(2)],
        little(piece("too-little", 8)),
        mute,
    ]
    names = dict.fromkeys(clip.meta.video for clip in clips)
    lines = [line(name, n % 2) for n, name in enumerate(names)]
    return make_corpus(tmp_path_factory.mktemp("corpus"), lines, clips)


@pytest.fixture(scope="module")
def speech() -> SpeechDetector:
    torch.manual_seed(0)
    model = create_model("npv_nano", **TINY_MODEL)
    settings = SpeechSettings(calibration=Calibration(4.0, 0.1), undecided=0.02, min_speech=0.6)
    return SpeechDetector(model, settings)


PREDICTORS = ("detector", "localizer", "fused", "agreement", "silence", "mouth_energy")


@pytest.fixture
def predictor(request: pytest.FixtureRequest, speech: SpeechDetector) -> Predictor:
    localizer = red_localizer(undecided=0.1, sharpness=2.0)
    made = {
        "detector": speech,
        "localizer": localizer,
        "fused": FusedDetector(speech, localizer, Fusion(0.8, 1.2, 0.3)),
        "agreement": AgreementPredictor(speech.model),
        "silence": SilencePredictor(),
        "mouth_energy": MouthEnergyPredictor(),
    }
    return made[request.param]


@pytest.mark.parametrize("predictor", PREDICTORS, indirect=True)
def test_a_corpus_and_a_file_get_the_same_score(corpus: Corpus, predictor: Predictor) -> None:
    videos: dict[str, list[Clip]] = defaultdict(list)
    for sample in corpus.samples:
        clip = decode_clip(sample)
        videos[clip.meta.video].append(clip)
    rows = score_videos(corpus, predictor).rows
    assert [row.video for row in rows] == list(videos)
    for row in rows:
        verdict = predictor.judge_clips(videos[row.video], row.video, 6.0, pictures=False).verdict
        assert row.score == pytest.approx(verdict.fake_probability, abs=1e-6), row.video
        assert row.verdict == verdict.verdict, row.video
        assert row.verdict != "abstain" or row.reason == verdict.reason
        assert (row.status == "abstained") == (verdict.fake_probability is None)
    if predictor.speech_inputs is not None and not predictor.finds_pixels:
        found = {row.video: row.reason.partition(":")[0] for row in rows if row.score is None}
        assert found == {"too-little": "too_little_speech", "mute": "no_audio"}
