"""The seven routes come from their file, and each is a chain of real encodings."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from npvf.errors import NpvfError
from npvf.io.files import config_path
from npvf.media import iter_frames, probe, read_audio
from npvf.perturb import add_routes, list_perturbations
from npvf.perturb.apply import Condition, perturb_video
from npvf.perturb.registry import _PERTURBATIONS
from npvf.perturb.routes import ROUTES
from tests.helpers.films import film, speechlike

SEVEN = ["facebook_post", "messenger", "wechat_phone", "wechat_desktop", "youtube", "whatsapp", "tiktok"]
CONTENT = yaml.safe_load(config_path(ROUTES).read_text())


def test_the_seven_are_there_and_say_that_they_are_an_approximation() -> None:
    assert [route.name for route in list_perturbations(groups=["routes"])] == SEVEN == list(CONTENT)
    assert "OUR APPROXIMATION" in config_path(ROUTES).read_text()
    assert all(len(p["why"]) > 60 for route in CONTENT.values() for p in route["passes"])


@pytest.fixture(scope="module")
def tall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("film") / "tall.mp4", speechlike(0.2), frames=14, fps=70, size=(1300, 1100))


@pytest.mark.slow
@pytest.mark.parametrize("name", SEVEN)
def test_a_route_does_what_its_file_says(tall: Path, tmp_path: Path, name: str) -> None:
    perturb_video(tall, tmp_path / "out.mp4", Condition(name))
    info = probe(tmp_path / "out.mp4")
    short = min(p["short_side"] for p in CONTENT[name]["passes"])
    assert info.video.width == short and info.video.height == pytest.approx(1300 / 1100 * short, abs=1.01)
    assert info.video.average_fps == pytest.approx(min(p["max_fps"] for p in CONTENT[name]["passes"]), rel=0.05)
    assert (info.video.codec, info.audio.codec, info.audio.sample_rate) == ("h264", "aac", 44_100)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4"]


def test_a_small_video_is_never_made_larger_and_keeps_its_time(clicking: Path, tmp_path: Path) -> None:
    for name in ("whatsapp", "wechat_phone"):
        perturb_video(clicking, tmp_path / "out.mp4", Condition(name))
        info = probe(tmp_path / "out.mp4")
        assert (info.video.width, info.video.height, info.video.frames) == (160, 96, 50)
        assert np.abs(read_audio(tmp_path / "out.mp4")).argmax() / 16_000 == pytest.approx(1.2, abs=0.002)
        assert len(list(iter_frames(tmp_path / "out.mp4"))) == 50


def test_a_video_without_sound_gets_none(tmp_path: Path) -> None:
    source = film(tmp_path / "silent.mp4", None, frames=10)
    perturb_video(source, tmp_path / "out.mp4", Condition("tiktok"))
    assert probe(tmp_path / "out.mp4").audio is None


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npvf.perturb.registry._PERTURBATIONS", dict(_PERTURBATIONS))


def test_routes_of_ones_own(tmp_path: Path, clicking: Path, registry: None) -> None:
    harsh = {**CONTENT["whatsapp"]["passes"][0], "short_side": 64, "crf": 40}
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump({"intranet": {"description": "ours", "passes": [harsh]}}))
    assert [route.name for route in add_routes(own)] == ["intranet"]
    perturb_video(clicking, tmp_path / "out.mp4", Condition("intranet"))
    assert probe(tmp_path / "out.mp4").video.height == 64
    assert Condition("intranet").recipe()["passes"][0]["crf"] == 40


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda route: route.pop("description"), "needs `description`"),
        (lambda route: route.update(says="ours"), "rename it to `description`"),
        (lambda route: route.update(passes=[]), "needs `description`"),
        (lambda route: route["passes"][0].pop("crf"), "must have exactly"),
        (lambda route: route["passes"][0].update(crf="low"), "crf is 'low'"),
        (lambda route: route["passes"][0].update(max_fps=0), "max_fps is 0"),
        (lambda route: route["passes"][0].update(bitrate=1), "must have exactly"),
    ],
)
def test_a_broken_file_says_where(tmp_path: Path, registry: None, change, fault: str) -> None:
    route = {"description": "ours", "passes": [dict(CONTENT["whatsapp"]["passes"][0])]}
    change(route)
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"intranet": route}))
    with pytest.raises(NpvfError, match=fault):
        add_routes(path)
    path.write_text("a: [")
    with pytest.raises(NpvfError, match="cannot be read"):
        add_routes(path)
