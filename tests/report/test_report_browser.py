"""The report in a real browser; skipped without playwright or chromium."""

from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from npvf.report.report import write_report
from tests.helpers.judged_video import judged_video, speaking_clip, tiny_detector
from tests.helpers.red_localizer import red_localizer

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]
TIME = "document.querySelector('video').currentTime"


def wait(page: Any, expression: str, seconds: float = 10.0) -> None:
    """Wait until an expression is true. Playwright's own function needs `eval`, which the report's policy forbids."""
    for _ in range(round(seconds / 0.05)):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    detector = tiny_detector()
    judgement = judged_video(folder / "v.mp4", detector, speaking_clip(track=1, is_speaker=False))
    return write_report([judgement], detector, folder / "r.html")


@pytest.fixture(scope="module")
def with_masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a localizer."""
    folder = tmp_path_factory.mktemp("masks")
    localizer = red_localizer()
    return write_report([judged_video(folder / "v.mp4", localizer)], localizer, folder / "r.html")


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.goto(report.as_uri())
    wait(page, "document.querySelector('video').readyState >= 2")
    yield page
    assert page.errors == []
    page.close()


def test_a_click_on_a_phone_moves_the_video(page: Any) -> None:
    phone = page.locator(".hit.phone").nth(2)
    expected = float(phone.get_attribute("data-seek"))
    assert expected > 0.5 and page.evaluate(TIME) == 0
    phone.click()
    assert page.evaluate(TIME) == pytest.approx(expected, abs=0.01)
    assert phone.evaluate("one => one.classList.contains('playing')")
    assert "heard at" in page.locator(".now").inner_text()


def test_keys_move_along_the_phones_and_jump(page: Any) -> None:
    phones = page.locator(".rows .hit.phone")
    phones.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate(TIME) == pytest.approx(float(phones.nth(2).get_attribute("data-seek")), abs=0.01)
    page.keyboard.press(",")
    assert page.evaluate(TIME) == pytest.approx(float(phones.nth(2).get_attribute("data-seek")) - 0.04, abs=0.021)


def test_a_click_on_a_segment_or_on_the_curve_moves_the_video(page: Any) -> None:
    segment = page.locator(".rows .hit.segment").last
    segment.click()
    assert page.evaluate(TIME) == pytest.approx(float(segment.get_attribute("data-seek")), abs=0.01)
    page.locator(".lane.curve").click()
    assert page.evaluate(TIME) == pytest.approx(1.0, abs=0.05)


def test_boxes_follow_the_faces(page: Any) -> None:
    places = []
    for index in (0, 3):
        page.locator(".hit.phone").nth(index).click()
        page.wait_for_timeout(100)
        places.append(page.locator("g[data-face='0'] rect.over").bounding_box())
    screen = page.locator("video").bounding_box()
    assert places[0] != places[1]
    for place in places:
        assert place["x"] >= screen["x"] - 3 and place["x"] + place["width"] <= screen["x"] + screen["width"] + 3
    page.locator("[data-boxes]").uncheck()
    assert not page.locator("g[data-face='0']").is_visible()


def test_it_plays_slowly_around_a_phone_and_stops(page: Any) -> None:
    page.locator("[data-play]").first.click()
    wait(page, "document.querySelector('video').playbackRate === 0.5 && !document.querySelector('video').paused")
    wait(page, "document.querySelector('video').paused")


def test_the_text_is_copied(page: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("button.copy").click()
    wait(page, "document.querySelector('.copied').textContent === 'copied'")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("textarea").input_value()


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_nothing_is_wider_than_the_window(
    browser: Any, report: Path, with_masks: Path, width: int, height: int, colours: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=colours)
    for file in (with_masks, report):
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(18, 20, 23)") == (colours == "dark")
    page.close()


def test_a_click_on_a_heat_map_or_on_the_forged_area_moves_the_video(browser: Any, with_masks: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(with_masks.as_uri())
    wait(page, "document.querySelector('video').readyState >= 2")
    heat = page.locator(".faces.heat button").nth(4)
    heat.click()
    assert page.evaluate(TIME) == pytest.approx(float(heat.get_attribute("data-seek")), abs=0.01)
    chart = page.locator("svg[data-row]")
    chart.click(position={"x": chart.bounding_box()["width"] * 0.3, "y": 20})
    assert 0.2 < page.evaluate(TIME) < 1.0
    page.close()


def test_another_script_in_the_page_does_not_run(browser: Any, report: Path, tmp_path: Path) -> None:
    """The content security policy allows the report's own script alone, should an escape ever be missing."""
    html = report.read_text(encoding="utf-8")
    evil = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
    (tmp_path / "evil.html").write_text(html.replace("<main>", f"<main>{evil}"), encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "evil.html").as_uri())
    page.wait_for_timeout(200)
    assert page.title() != "run"
    page.close()


def test_it_prints_on_paper(browser: Any, report: Path, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(report.as_uri())
    page.emulate_media(media="print")
    assert not page.locator("video").is_visible() and page.locator(".chart").first.is_visible()
    page.pdf(path=tmp_path / "r.pdf", prefer_css_page_size=True)
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF")
    page.close()
