import json
from pathlib import Path

import numpy as np
import pytest

from npvf.cli.main import main
from npvf.clip import Phones
from npvf.errors import MissingDependency
from npvf.faces.model_file import face_model_path
from npvf.io.annotations import read_sidecar
from npvf.media.decode import iter_frames, read_audio
from npvf.media.probe import probe
from npvf.synth.corpus import Recipe, plan, synthesise
from npvf.synth.tracking import tracking_correlation

pytestmark = pytest.mark.slow

pytest.importorskip("espeakng_loader")
pytest.importorskip("skimage")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synth")
    assert main(["synth", str(folder), "--clips", "2", "--people", "0-1", "--split", "test=1", "--seed", "3"]) == 0
    return folder


def test_each_clip_is_a_video_with_all_that_is_known_of_it(corpus: Path) -> None:
    videos = sorted(corpus.rglob("*.mp4"))
    assert len(videos) == 2
    assert {path.suffix for path in corpus.rglob("*.*")} == {".mp4", ".json"}
    for video in videos:
        info = probe(video)
        assert info.video is not None and info.audio is not None
        assert (info.video.width, info.video.height, info.video.codec) == (288, 288, "h264")
        said = read_sidecar(video)
        assert said.label == 0 and said.identity == video.parent.name and said.identities == (said.identity,)
        assert said.split == ("test" if said.identity == "person01" else None)
        phones = Phones.from_json(json.loads(video.with_suffix(".phones.json").read_text()))
        recipe = json.loads(video.with_suffix(".synth.json").read_text())
        frames = len(list(iter_frames(video)))
        assert len(recipe["aperture"]) == frames
        assert phones.items[-1].end == pytest.approx(frames / 25)
    assert json.loads((corpus / "synth.json").read_text())["clips"] == 2


def test_sound_is_where_its_phones_say(corpus: Path) -> None:
    """The file's sound lies sample on sample with the recipe's: the codec's delay is taken off."""
    path = next(corpus.rglob("*.synth.json"))
    recipe = Recipe.from_json(json.loads(path.read_text()))
    made = recipe.speech().audio_N
    read = read_audio(path.with_name(f"{recipe.stem}.mp4"))[: len(made)]
    middle = slice(16_000, 32_000)
    lags = range(-80, 81)
    scores = [float(np.dot(made[middle], read[16_000 + lag : 32_000 + lag])) for lag in lags]
    assert abs(lags[int(np.argmax(scores))]) <= 2


def test_the_landmark_network_follows_the_mouth(corpus: Path) -> None:
    try:
        face_model_path()
    except MissingDependency as missing:
        pytest.skip(str(missing))
    found = tracking_correlation(corpus, clips=1)
    assert len(found) == 1
    assert min(found.values()) >= 0.85


def test_a_clip_depends_on_its_number_and_the_seed_alone(corpus: Path, tmp_path: Path) -> None:
    (again,) = synthesise(tmp_path, clips=1, people=[0, 1], seed=3)
    first = corpus / again.relative_to(tmp_path)
    for suffix in (".mp4", ".phones.json", ".synth.json", ".meta.json"):
        assert again.with_suffix(suffix).read_bytes() == first.with_suffix(suffix).read_bytes()
    assert plan(5, seed=3) == plan(9, seed=3)[:5]
    assert plan(5, seed=4)[0].sentence != plan(5, seed=3)[0].sentence


def test_a_plan_gives_everybody_their_turn() -> None:
    recipes = plan(40, people=range(12))
    assert {r.identity for r in recipes} == set(range(12))
    assert len({r.sentence for r in recipes}) == len({r.stem for r in recipes}) == 40
