import base64
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from npvf.detect.fused import FusedDetector
from npvf.detect.fusion import Opinion
from npvf.detect.heatmaps import COLOURS, heat_levels, overlay, palette
from npvf.detect.speech_detector import SpeechDetector, SpeechSettings
from npvf.media.decode import iter_frames
from npvf.media.probe import probe
from npvf.models import create_model
from npvf.report.charts import LEFT, WIDTH
from npvf.report.mask_charts import AREA_HEIGHT, REACH, area_chart, part_bars
from npvf.report.mask_video import write_masks
from npvf.report.report import render_report, write_report
from tests.helpers.html_page import Page
from tests.helpers.red_localizer import FUSION, MOUTH, red_at, red_localizer, with_meta as of
from tests.helpers.tiny_corpus import blob_clip


@pytest.fixture
def joint(tiny_overrides: dict) -> FusedDetector:
    torch.manual_seed(0)
    speech = SpeechDetector(create_model("npv_nano", **tiny_overrides), SpeechSettings(name="npv", undecided=0.0))
    return FusedDetector(speech, red_localizer(), FUSION)


def forged(track: int = 0, **meta: object):
    clip = of(red_at(blob_clip("a", 1), MOUTH), track=track, source_size=(225, 225), source_fps=50.0, **meta)
    return replace(clip, transform_T23=np.tile(np.float32([[1, 0, 0], [0, 1, 0]]), (clip.frames, 1, 1)))


def pictures(page: Page) -> list[np.ndarray]:
    addresses = [a for a in page.addresses if a.startswith("data:image/jpeg;base64,")]
    coded = [np.frombuffer(base64.b64decode(a.partition(",")[2]), np.uint8) for a in addresses]
    return [cv2.imdecode(data, cv2.IMREAD_COLOR) for data in coded]


@pytest.mark.slow
def test_the_heat_map_in_the_report_lies_on_the_forged_mouth(joint: FusedDetector) -> None:
    judgement = joint.judge_clips([forged()], "a.mp4", 2.0)
    page = Page(render_report([judgement], joint))
    assert page.open == []
    plain, heat = pictures(page)[:2]  # large, first
    assert plain.shape == heat.shape == (336, 336, 3)
    changed = np.abs(plain.astype(int) - heat.astype(int)).max(-1) > 60
    rows, columns = np.nonzero(changed)
    assert (rows.mean(), columns.mean()) == pytest.approx((160 * 1.5, 112 * 1.5), abs=4)
    assert changed.sum() == pytest.approx(40 * 56 * 1.5**2, rel=0.15)
    assert sum(picture.shape == (112, 112, 3) for picture in pictures(page)) == 16  # eight moments, twice


@pytest.mark.slow
def test_it_says_what_each_part_adds(joint: FusedDetector) -> None:
    judgement = joint.judge_clips([forged()], "a.mp4", 2.0)
    text = Page(render_report([judgement], joint)).text
    heard, seen = judgement.verdict.parts
    for part in (heard, seen):
        assert f"{part.fake_probability:.2f}" in text and f"{part.contribution:+.1f}" in text
        assert f"{100 * part.share:.0f} %" in text
    assert f"{judgement.verdict.tracks[0].forged_area:.1f} % of the face is marked" in text
    assert "Agreement says" in text and "Forged pixels are looked for" in text


@pytest.mark.slow
def test_without_sound_it_says_that_the_picture_answers_alone(joint: FusedDetector) -> None:
    judgement = joint.judge_clips([forged(no_sound="no_audio", is_speaker=False)], "a.mp4", 2.0)
    page = Page(render_report([judgement], joint))
    assert "Judged by the frames alone (no_audio: " in page.text
    assert "The other method decides alone. (no_audio)" in page.text
    assert "does not speak, not judged" not in page.text and page.open == []


@pytest.mark.slow
def test_a_localizer_alone_has_a_page_without_speech() -> None:
    alone = red_localizer()
    page = Page(render_report([alone.judge_clips([forged()], "a.mp4", 2.0)], alone))
    assert "Is this face genuine?" in page.text and "Agreement says" not in page.text
    assert "audio offset" not in page.text and page.open == []


@pytest.mark.slow
def test_masks_are_written_on_the_clock_of_the_source_and_named(joint: FusedDetector, tmp_path: Path) -> None:
    judgement = joint.judge_clips([forged(), forged(1, is_speaker=False)], "clips/a.mp4", 2.4)
    write_masks(judgement, tmp_path / "masks")
    assert judgement.masks == []
    paths = [Path(track.mask) for track in judgement.verdict.tracks]
    assert [path.name for path in paths] == ["a-00000000-face1.mp4", "a-00000000-face2.mp4"]
    stream = probe(paths[0]).video
    assert (stream.width, stream.height, stream.average_fps, stream.frames) == (225, 225, 50.0, 120)
    frames = list(iter_frames(paths[0], fps=50))
    rows, columns = np.nonzero(frames[60][..., 0] > 127)
    assert (rows.mean(), columns.mean()) == pytest.approx((159.5, 111.5), abs=1.5)
    assert max(frame.max() for frame in frames[100:]) < 16  # the face has gone
    report = write_report([judgement], joint, tmp_path / "r.html")
    assert "masks/a-00000000-face2.mp4" in Page(report.read_text()).addresses


def test_a_detector_of_speech_has_no_masks(joint: FusedDetector, tmp_path: Path) -> None:
    judgement = joint.speech.judge_clips([forged()], "a.mp4", 2.0)
    write_masks(judgement, tmp_path / "masks")
    assert not (tmp_path / "masks").exists()
    (track,) = judgement.verdict.tracks
    assert (track.mask, track.forged_area, judgement.verdict.parts) == (None, None, None)


def test_heat_grows_with_the_probability_and_leaves_the_rest_alone() -> None:
    grey = np.full((64, 64, 3), 120, np.uint8)
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    heated = overlay(grey, ramp, 0.5)
    far = np.abs(heated.astype(int) - 120).sum(-1)[32]
    assert far[0] == 0 and far[-1] > 100
    assert heated[32].min(axis=-1).max() > 200  # the outline is white
    levels = heat_levels(0.5)
    assert levels[0] == levels[255 // 11] == 0 and levels[128] == levels[255] == 255  # odds of 1 / 10, and of 1
    assert (np.diff(levels.astype(int)) >= 0).all() and 0 < levels[64] < 255
    assert heat_levels(0.001)[:2].tolist() == [0, 255]
    genuine = np.full((64, 64), 200, np.uint8)  # .78 everywhere, and far below the threshold
    assert (overlay(grey, genuine, 0.99) == 120).all()
    lightness = palette() @ (0.299, 0.587, 0.114)
    assert (np.diff(lightness) > -0.05).all() and tuple(palette()[-1]) == COLOURS[-1]


@pytest.mark.parametrize(("frames", "start"), [(24, 0.0), (50, 3.2), (500, 60.0)])
def test_the_area_over_time_stays_inside_its_field(frames: int, start: float) -> None:
    area_T = np.linspace(0, 0.43, frames)
    chart = area_chart(area_T, frames - 1, start)
    points = [tuple(map(float, point.split(","))) for point in chart.points.split()]
    assert chart.top == 50 and len(points) == frames + 2
    assert all(LEFT <= x <= chart.end <= WIDTH and 0 <= y <= AREA_HEIGHT for x, y in points)
    assert all(b[0] >= a[0] for a, b in pairwise(points)) and LEFT < chart.worst <= chart.end
    assert (chart.start_s, chart.end_s) == (start, start + frames / 25)
    assert chart.end == pytest.approx(LEFT + chart.scale * frames / 25, abs=0.1)
    assert chart.ticks[0][1] in {"0 s", "4 s", "60 s"} and len(chart.ticks) <= 9


def test_bars_share_a_scale_and_a_zero() -> None:
    heard, seen = part_bars(FUSION.parts(Opinion(-2.0, 2.0)))
    assert heard.x + heard.width == pytest.approx(REACH) and seen.x == REACH and seen.width == REACH
    assert heard.width / seen.width == pytest.approx(0.25)
