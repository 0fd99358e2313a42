"""Each perturbation changes what it says, and only that."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from npvf.errors import NpvfError, Reason, Refused
from npvf.media import iter_frames, probe, read_audio
from npvf.perturb import get_perturbation, list_perturbations
from npvf.perturb.apply import Applied, Condition, perturb_video
from npvf.perturb.sound import _in_pieces, convolved, impulse_response, speech_power
from tests.helpers.films import RATE, bar, film, speechlike

NAMES = {group: [p.name for p in list_perturbations(groups=[group])] for group in ("picture", "sound", "both")}


def through(video: Path, folder: Path, kind: str, level: int = 3, seed: int = 0) -> tuple[Path, Applied]:
    target = folder / f"{kind}-{level}-{seed}.mp4"
    return target, perturb_video(video, target, Condition(kind, level, seed))


def frames(path: Path, fps: float = 25) -> np.ndarray:
    return np.stack(list(iter_frames(path, fps))).astype(np.float32)


def test_the_suite_is_what_the_issue_asks_for() -> None:
    assert NAMES == {
        "picture": ["saturation", "contrast", "block", "noise", "blur", "pixelation", "compression"],
        "sound": ["sound_noise", "reverberation", "band_limit", "pitch", "stretch", "mp3", "aac", "opus", "telephone"],
        "both": ["frame_rate", "audio_delay", "h264", "h265", "resize"],
    }
    assert all(len(p.levels) == 5 for p in list_perturbations() if p.group != "routes")
    assert len({p.describe(level) for p in list_perturbations() for level in range(1, len(p.levels) + 1)}) >= 21 * 5
    with pytest.raises(NpvfError, match="no perturbation is called 'blurr'"):
        get_perturbation("blurr")
    with pytest.raises(NpvfError, match="levels 1 to 5, no level 6"):
        get_perturbation("blur").setting(6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NAMES["picture"])
def test_picture_kinds_leave_sound_and_time_alone(video: Path, tmp_path: Path, kind: str) -> None:
    target, applied = through(video, tmp_path, kind)
    np.testing.assert_array_equal(read_audio(target, RATE), read_audio(video, RATE))
    late = np.array([bar(p) for p in iter_frames(target)]) - [bar(p) for p in iter_frames(video)]
    assert np.median(np.abs(late)) <= (1 if kind == "pixelation" else 0)
    assert probe(target).video.frames == 50 and applied == Applied(1, 0, {})
    assert np.abs(frames(target) - frames(video)).mean() > 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", [k for k in NAMES["sound"] if k != "stretch"])
def test_sound_kinds_leave_picture_and_time_alone(video: Path, tmp_path: Path, kind: str) -> None:
    target, applied = through(video, tmp_path, kind)
    np.testing.assert_array_equal(frames(target), frames(video))
    before, after = read_audio(video)[:32_000], read_audio(target)[:32_000]
    assert len(after) >= 31_500 and applied.delay == 0 and applied.factor == 1
    assert np.abs(after[: len(before)] - before[: len(after)]).mean() > 1e-3
    envelopes = [np.sqrt((x[:31_360] ** 2).reshape(-1, 160).mean(1)) for x in (before, after)]
    a, b = ((e - e.mean()) / e.std() for e in envelopes)
    lag = int(np.correlate(np.pad(b, 10), a, "valid").argmax()) - 10
    assert abs(lag) <= (4 if kind == "reverberation" else 1)  # of 10 ms; an echo drags the envelope


@pytest.mark.slow
@pytest.mark.parametrize("kind", NAMES["picture"] + NAMES["sound"] + NAMES["both"])
def test_five_levels_are_harsher_than_one_and_every_seed_repeats(brief: Path, tmp_path: Path, kind: str) -> None:
    made = [through(brief, tmp_path / folder, kind, level)[0] for folder, level in (("a", 1), ("b", 5), ("c", 5))]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in made]
    assert digests[1] == digests[2] and digests[0] != digests[1]


def test_another_seed_draws_other_noise(brief: Path, tmp_path: Path) -> None:
    for kind in ("noise", "block", "sound_noise", "reverberation"):
        a, b = (through(brief, tmp_path, kind, 1, seed)[0].read_bytes() for seed in (0, 1))
        assert a != b, kind


@pytest.mark.slow
@pytest.mark.parametrize("level", [1, 3, 5])
def test_picture_levels_are_what_they_say(video: Path, tmp_path: Path, level: int) -> None:
    before = frames(video)

    def after(kind: str) -> np.ndarray:
        return frames(through(video, tmp_path, kind, level)[0])

    def chroma(pictures: np.ndarray) -> float:
        ycc = np.stack([cv2.cvtColor(p.astype(np.uint8), cv2.COLOR_RGB2YCrCb) for p in pictures[::10]])
        return float(np.abs(ycc[..., 1:].astype(np.float32) - 128).mean())

    factor = get_perturbation("saturation").setting(level)
    assert chroma(after("saturation")) / chroma(before) == pytest.approx(factor, abs=0.06)
    factor = get_perturbation("contrast").setting(level)
    assert after("contrast").mean() / before.mean() == pytest.approx(factor, abs=0.02)
    variance = get_perturbation("noise").setting(level)
    luma = np.array([0.299, 0.587, 0.114])
    spread = ((after("noise") - before) @ luma)[:, 30:, 20:120].std() / 255
    assert spread == pytest.approx(variance**0.5, rel=0.3)
    blocks = (np.abs(after("block") - 128).max(-1) < 12).mean() * before[0, ..., 0].size / 64
    count = get_perturbation("block").setting(level) * 96 / 256
    assert 0.5 * count - 1 < blocks < 1.3 * count + 2  # they may overlap, and a few pixels are grey already
    squares = after("pixelation")[0][24:72, 24:72]
    side = get_perturbation("pixelation").setting(level)
    steps = np.abs(np.diff(squares, axis=1)).mean((0, 2))
    assert np.median(np.sort(steps)[: len(steps) // side]) < 0.5 * np.sort(steps)[-len(steps) // side :].mean()


def test_blur_and_compression_take_detail_away(video: Path, tmp_path: Path) -> None:
    def detail(path: Path) -> float:
        return float(np.mean([cv2.Laplacian(p, cv2.CV_32F).var() for p in iter_frames(path)]))

    sharp = detail(video)
    assert sharp > detail(through(video, tmp_path, "blur", 1)[0]) > detail(through(video, tmp_path, "blur", 5)[0])
    sizes = [through(video, tmp_path, "compression", level)[0].stat().st_size for level in (1, 3, 5)]
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize(("level", "snr"), [(1, 20), (3, 5), (5, -5)])
def test_noise_is_at_its_ratio(video: Path, tmp_path: Path, level: int, snr: float) -> None:
    before = read_audio(video, RATE)
    after = read_audio(through(video, tmp_path, "sound_noise", level)[0], RATE)
    added = (after - before[: len(after)]) if len(before) >= len(after) else after[: len(before)] - before
    signal = speech_power((before * 32768).astype(np.int16), RATE)
    assert 10 * np.log10(signal / np.mean(added**2)) == pytest.approx(snr, abs=1.0)


@pytest.mark.parametrize("level", [1, 3, 5])
def test_a_band_limit_removes_what_is_above_and_nothing_below(tmp_path: Path, video: Path, level: int) -> None:
    cutoff = get_perturbation("band_limit").setting(level)
    before = read_audio(video, RATE)
    after = read_audio(through(video, tmp_path, "band_limit", level)[0], RATE)[: len(before)]
    window = np.hanning(len(after))
    power = [np.abs(np.fft.rfft(x[: len(after)] * window)) ** 2 for x in (before, after)]
    hertz = np.fft.rfftfreq(len(after), 1 / RATE)
    above, below = hertz > 1.12 * cutoff, hertz < 0.98 * cutoff
    assert 10 * np.log10(power[1][above].sum() / power[0][above].sum()) < -45
    assert 10 * np.log10(power[1][below].sum() / power[0][below].sum()) == pytest.approx(0, abs=0.1)


def test_a_room_decays_as_it_says_and_keeps_the_direct_sound_first() -> None:
    room = impulse_response(0.7, 0.0, 16_000, np.random.default_rng(0))
    assert np.linalg.norm(room) == pytest.approx(1)
    assert room[0] ** 2 / (room[1:] ** 2).sum() == pytest.approx(1.0)
    left = 10 * np.log10(np.cumsum(room[:0:-1] ** 2)[::-1])  # Schroeder's curve
    slope = np.polyfit(np.arange(1000, 6000) / 16_000, left[1000:6000], 1)[0]
    assert -60 / slope == pytest.approx(0.7, rel=0.12)


def test_blockwise_filtering_is_filtering() -> None:
    rng = np.random.default_rng(1)
    sound, kernel = rng.normal(size=5000), rng.normal(size=301)
    for delay in (0, 150):
        done = np.concatenate(list(convolved(np.array_split(sound, 13), kernel, delay)))
        np.testing.assert_allclose(
            done, np.convolve(sound, kernel)[delay : delay + 5000 + (300 if not delay else 0)][: len(done)], atol=1e-3
        )
        assert len(done) == 5000


def test_pieces_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npvf.perturb.sound._PIECE_S", 0.5)
    monkeypatch.setattr("npvf.perturb.sound._CONTEXT_S", 0.1)
    sound = (3000 * np.sin(np.arange(20_000) / 7)).astype(np.int16)
    for factor in (1.0, 1.5, 0.75):

        def resampled(x_N: np.ndarray, factor: float = factor) -> np.ndarray:
            return np.interp(np.arange(round(len(x_N) * factor)) / factor, np.arange(len(x_N)), x_N)

        done = np.concatenate(list(_in_pieces(sound, 8000, resampled, factor)))
        assert len(done) == round(20_000 * factor)
        np.testing.assert_allclose(done, resampled(sound / 32768), atol=2e-3)


@pytest.mark.slow
def test_pitch_moves_the_pitch_and_not_the_time(tmp_path: Path) -> None:
    time = np.arange(2 * RATE) / RATE
    source = film(tmp_path / "tone.mp4", (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32))
    target, applied = through(source, tmp_path, "pitch", 5)
    sound = read_audio(target, RATE)[RATE // 2 : RATE * 3 // 2]
    heard = np.fft.rfftfreq(RATE, 1 / RATE)[np.abs(np.fft.rfft(sound * np.hanning(RATE), RATE)).argmax()]
    assert abs(applied.drawn["semitones"]) == 4
    assert heard == pytest.approx(440 * 2 ** (applied.drawn["semitones"] / 12), rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_stretch_takes_picture_and_sound_along(clicking: Path, tmp_path: Path, seed: int) -> None:
    target, applied = through(clicking, tmp_path, "stretch", 5, seed)
    assert applied.factor in (1.5, pytest.approx(1 / 1.5))
    info = probe(target)
    assert info.video.frames == 50
    assert info.video.average_fps == pytest.approx(25 / applied.factor, rel=1e-3)
    assert np.abs(read_audio(target)).argmax() / 16_000 == pytest.approx(1.2 * applied.factor, abs=0.04)


@pytest.mark.parametrize("kind", ["mp3", "aac", "opus"])
def test_codecs_are_in_the_file_at_their_rate(video: Path, tmp_path: Path, kind: str) -> None:
    sizes = []
    for level in (1, 5):
        target, _ = through(video, tmp_path, kind, level)
        assert probe(target).audio.codec.startswith(kind)
        sizes.append(target.stat().st_size - video.stat().st_size)
    assert sizes[1] < sizes[0] < 0  # the source has 192 kbit/s


@pytest.mark.parametrize("level", [1, 2, 5])
def test_a_telephone_keeps_its_band_and_the_time(video: Path, tmp_path: Path, level: int) -> None:
    target, _ = through(video, tmp_path, "telephone", level)
    before, after = read_audio(video, RATE), read_audio(target, RATE)
    hertz = np.fft.rfftfreq(80_000, 1 / RATE)
    power = np.abs(np.fft.rfft(after[:80_000])) ** 2
    assert power[hertz > 4000].sum() < 1e-3 * power.sum()
    assert abs(len(after) - len(before)) < 10
    lag = int(np.correlate(np.pad(after[:80_000], 1000), before[:80_000], "valid").argmax()) - 1000
    assert abs(lag) / RATE < 0.001


@pytest.mark.parametrize("level", range(1, 6))
def test_a_frame_rate_changes_by_time_stamp(video: Path, tmp_path: Path, level: int) -> None:
    fps = get_perturbation("frame_rate").setting(level)
    target, _ = through(video, tmp_path, "frame_rate", level)
    info = probe(target)
    assert info.video.average_fps == pytest.approx(fps, rel=0.01)
    shown = [bar(p) for p in iter_frames(target, fps)]
    assert shown == [int(k / fps * 25 + 1e-6) for k in range(len(shown))]
    assert len(shown) in (2 * fps, 2 * fps + 1)
    np.testing.assert_array_equal(read_audio(target, RATE), read_audio(video, RATE))


@pytest.mark.parametrize("level", range(1, 6))
def test_a_delay_moves_a_click_by_its_time_and_nothing_else(clicking: Path, tmp_path: Path, level: int) -> None:
    delay = get_perturbation("audio_delay").setting(level)
    target, applied = through(clicking, tmp_path, "audio_delay", level)
    assert np.abs(read_audio(target)).argmax() / 16_000 == pytest.approx(1.2 + delay, abs=0.001)
    assert applied.delay == pytest.approx(delay, abs=1e-4)
    assert len(read_audio(target)) == len(read_audio(clicking))
    np.testing.assert_array_equal(frames(target), frames(clicking))


@pytest.mark.parametrize(("kind", "codec"), [("h264", "h264"), ("h265", "hevc")])
def test_video_codecs_are_in_the_file(clicking: Path, tmp_path: Path, kind: str, codec: str) -> None:
    sizes = []
    for level in (1, 5):
        target, _ = through(clicking, tmp_path, kind, level)
        info = probe(target)
        assert (info.video.codec, info.audio.codec, info.video.frames) == (codec, "aac", 50)
        assert np.abs(read_audio(target)).argmax() / 16_000 == pytest.approx(1.2, abs=0.002)
        sizes.append(target.stat().st_size)
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize("level", range(1, 6))
def test_sizes_are_even_and_bounded(tmp_path: Path, level: int) -> None:
    source = film(tmp_path / "odd.mp4", speechlike(0.4), frames=10, size=(150, 202))
    target, _ = through(source, tmp_path, "resize", level)
    info = probe(target).video
    factor = max(get_perturbation("resize").setting(level), 64 / 150)
    assert info.width % 2 == info.height % 2 == 0
    assert min(info.width, info.height) >= 64
    assert (info.width, info.height) == (pytest.approx(202 * factor, abs=1.01), pytest.approx(150 * factor, abs=1.01))
    assert [bar_of_its_size(p) for p in iter_frames(target)] == sorted(
        {bar_of_its_size(p) for p in iter_frames(target)}
    )


def bar_of_its_size(picture: np.ndarray) -> float:
    rows = picture[round(8 * picture.shape[0] / 150)].mean(-1)
    return float(np.average(np.arange(len(rows)), weights=np.maximum(rows - 60, 0) ** 2))


def test_what_lacks_the_stream_to_change_is_refused(tmp_path: Path) -> None:
    silent = film(tmp_path / "silent.mp4", None, frames=10)
    through(silent, tmp_path, "blur")
    through(silent, tmp_path, "h264")
    with pytest.raises(Refused) as refusal:
        through(silent, tmp_path, "sound_noise")
    assert refusal.value.reason == Reason.NO_AUDIO
    assert not (tmp_path / "sound_noise-3-0.mp4").exists()
    with pytest.raises(NpvfError, match="is the video itself"):
        perturb_video(silent, silent, Condition("blur"))
