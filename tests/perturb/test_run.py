"""`npvf perturb`: folders and lists, sidecars, resuming."""

import json
from pathlib import Path

import numpy as np
import pytest

from npvf.cli.main import main
from npvf.clip import Phone, Phones
from npvf.errors import NpvfError
from npvf.io.annotations import read_sidecar
from npvf.io.masks import read_masks, write_masks
from npvf.io.sources import find_sources
from npvf.media import probe
from npvf.perturb.apply import Condition
from npvf.perturb.run import perturb
from npvf.speech.times import read_times
from tests.helpers.films import film, speechlike

META = {"label": 1, "identity": "ann", "intervals": [[0.2, 0.6]], "manipulation": "swap", "transcript": "a word"}


def moving_square(frames: int, size: tuple[int, int] = (96, 160)) -> np.ndarray:
    masks = np.zeros((frames, *size), bool)
    for k, mask in enumerate(masks):
        mask[32:64, 4 * k : 4 * k + 32] = True
    return masks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "in"
    (source / "ann").mkdir(parents=True)
    video = film(source / "ann" / "one.mp4", speechlike(1.0), frames=25)
    video.with_suffix(".meta.json").write_text(json.dumps(META))
    phones = Phones((Phone("sil", 0, 0.2), Phone("aa", 0.2, 0.9), Phone("m", 0.9, 1.0)), "times")
    video.with_suffix(".phones.json").write_text(json.dumps(phones.to_json()))
    write_masks(video.with_suffix(".mask.npz"), moving_square(25))
    film(source / "silent.mp4", None, frames=10)
    (source / "broken.mp4").write_bytes(b"no video")
    (source / "notes.md").write_text("no video either")
    return source


def test_labels_and_sidecars_go_along_and_the_refused_are_counted(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = perturb(folder, out, [Condition("blur", 3), Condition("sound_noise", 1), Condition("whatsapp")])
    assert summary.count("written") == {"blur-3": 2, "sound_noise-1": 1, "whatsapp": 2}
    lines = [json.loads(line) for line in (out / "perturb.jsonl").read_text().splitlines()]
    reasons = {(line["source"], line["condition"]): line["reason"] for line in lines if line["status"] == "refused"}
    kinds = ("blur-3", "sound_noise-1", "whatsapp")
    assert reasons == {("silent.mp4", "sound_noise-1"): "no_audio"} | {("broken.mp4", k): "undecodable" for k in kinds}
    for kind in kinds:
        video = out / kind / "ann" / "one.mp4"
        said, before = read_sidecar(video), read_sidecar(folder / "ann" / "one.mp4")
        assert (said.label, said.identity, said.intervals) == (before.label, before.identity, before.intervals)
        assert said.transcript == "a word"
        assert read_times(video.with_suffix(".phones.json")).items[1].phone == "aa"
        np.testing.assert_array_equal(read_masks(video.with_suffix(".mask.npz")), moving_square(25))
        record = json.loads(video.with_suffix(".perturb.json").read_text())
        assert (record["source"], f"{record['kind']}-{record['level']}".removesuffix("-1")) in (
            ("ann/one.mp4", kind),
            ("ann/one.mp4", kind.removesuffix("-1")),
        )
    (again,) = [s for s in find_sources(out / "whatsapp").items if "one" in s.video]
    assert again.problem is None and again.mask == out / "whatsapp" / "ann" / "one.mask.npz"
    assert not list(out.rglob(".*"))


def test_spans_phones_and_masks_follow_the_time(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    perturb(folder / "ann", out, [Condition("stretch", 5), Condition("audio_delay", 5), Condition("frame_rate", 5)])
    stretched, late, coarse = (out / name / "one.mp4" for name in ("stretch-5", "audio_delay-5", "frame_rate-5"))
    factor = json.loads(stretched.with_suffix(".perturb.json").read_text())["factor"]
    assert factor in (1.5, pytest.approx(1 / 1.5))
    assert read_sidecar(stretched).intervals == ((pytest.approx(0.2 * factor), pytest.approx(0.6 * factor)),)
    assert read_times(stretched.with_suffix(".phones.json")).items[1].end == pytest.approx(0.9 * factor)
    masks = read_masks(stretched.with_suffix(".mask.npz"))
    assert abs(len(masks) - 25 * factor) <= 1
    for k, mask in enumerate(masks):
        np.testing.assert_array_equal(mask, moving_square(25)[min(24, int(k / factor + 1e-4))])
    assert read_sidecar(late).intervals == ((0.2, 0.6),)
    delayed = read_times(late.with_suffix(".phones.json")).items
    assert delayed[1].start == pytest.approx(0.6, abs=1e-3)
    masks = read_masks(coarse.with_suffix(".mask.npz"))
    for k, mask in enumerate(masks):
        shown = int(int(k / 25 * 8 + 1e-6) / 8 * 25 + 1e-6)
        np.testing.assert_array_equal(mask, moving_square(25)[shown])


def test_masks_shrink_with_the_picture(folder: Path, tmp_path: Path) -> None:
    perturb(folder / "ann", tmp_path / "out", [Condition("resize", 1)])
    video = tmp_path / "out" / "resize-1" / "one.mp4"
    info, masks = probe(video).video, read_masks(video.with_suffix(".mask.npz"))
    assert masks.shape == (25, info.height, info.width) == (25, 72, 120)
    rows, columns = np.nonzero(masks[10])
    assert (rows.min(), rows.max() + 1) == (24, 48) and (columns.min(), columns.max() + 1) == (30, 54)


def test_a_run_goes_on_where_it_was_stopped(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, both = tmp_path / "out", [Condition("blur", 1), Condition("contrast", 1)]
    perturb(folder, out, both[:1])
    blurred = out / "blur-1" / "ann" / "one.mp4"
    before = blurred.stat().st_mtime_ns

    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("npvf.perturb.run.carry_over", stop)
        with pytest.raises(KeyboardInterrupt):
            perturb(folder, out, both)
    assert not (out / "contrast-1" / "ann" / "one.mp4").exists()
    assert not list(out.rglob(".*.mp4"))
    summary = perturb(folder, out, both)
    assert summary.new == 2 and summary.count("written") == {"blur-1": 2, "contrast-1": 2}
    assert blurred.stat().st_mtime_ns == before
    assert perturb(folder, out, [Condition("blur", 1, seed=1)]).new == 2
    (folder / "ann" / "one.meta.json").write_text(json.dumps(META | {"label": 0}))
    assert perturb(folder, out, [Condition("blur", 1, seed=1)]).new == 1
    assert read_sidecar(blurred).label == 0


def test_a_list_may_name_videos_from_elsewhere_but_all_is_written_inside(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    rows = ["path,label", "../in/ann/one.mp4,0", f"{folder / 'silent.mp4'},"]
    (tmp_path / "lists" / "some.csv").write_text("\n".join(rows))
    perturb(tmp_path / "lists" / "some.csv", tmp_path / "out", [Condition("contrast", 1)])
    written = tmp_path / "out" / "contrast-1" / "in" / "ann" / "one.mp4"
    assert read_sidecar(written).label == 0  # the list's word counts before the sidecar's
    assert len(list((tmp_path / "out").rglob("*.mp4"))) == 2


def test_wrong_use_says_what_to_do(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NpvfError, match="no perturbation was asked for"):
        perturb(folder, tmp_path / "out", [])
    film(folder / "silent.mkv", None, frames=5)
    with pytest.raises(NpvfError, match=r"2 videos would be written to blur-1/silent\.mp4"):
        perturb(folder, tmp_path / "out", [Condition("blur", 1)])
    assert main(["perturb", str(folder), str(tmp_path / "out"), "--kind", "blurr"]) == 2
    assert "no perturbation is called 'blurr'" in capsys.readouterr().err
    assert main(["perturb", str(folder / "ann"), str(tmp_path / "out"), "--kind", "blur", "--level", "2", "4"]) == 0
    assert "blur-2: 1 written, 0 refused" in capsys.readouterr().out
    assert main(["perturb", "--list"]) == 0
    printed = capsys.readouterr().out
    assert "approximation" in printed and "tiktok" in printed and "3: blur, kernel of 13 pixels" in printed
