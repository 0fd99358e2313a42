import io
from pathlib import Path

import av
import numpy as np
import pytest

from npvf.media.decode import iter_frames
from npvf.media.encode import write_video
from npvf.report.preview import LONG_SIDE, make_preview


def moving(frames: int, size: tuple[int, int] = (90, 160)) -> np.ndarray:
    """Frames that tell their number: their brightness grows."""
    return np.stack([np.full((*size, 3), 20 + 2 * t, np.uint8) for t in range(frames)])


@pytest.fixture
def video(tmp_path: Path) -> Path:
    frames_THWC = moving(100)
    write_video(tmp_path / "v.mp4", frames_THWC, audio=0.1 * np.sin(np.arange(64_000) / 9).astype(np.float32))
    return tmp_path / "v.mp4"


def test_a_copy_has_the_frames_and_the_audio_of_the_video(video: Path, tmp_path: Path) -> None:
    preview = make_preview(video, 4.0)
    (tmp_path / "copy.mp4").write_bytes(preview.mp4)
    with av.open(io.BytesIO(preview.mp4)) as container:
        codecs = [stream.codec_context.name for stream in container.streams]
    means = [frame.mean() for frame in iter_frames(tmp_path / "copy.mp4")]
    assert (preview.start, preview.end, codecs) == (0.0, 4.0, ["h264", "aac"])
    np.testing.assert_allclose(means, 20 + 2 * np.arange(100), atol=2.5)


def test_a_video_that_does_not_fit_is_cut_around_a_time(video: Path, tmp_path: Path) -> None:
    preview = make_preview(video, 4.0, budget=24_750, around=3.0)  # one second
    assert (preview.start, preview.end) == (2.48, pytest.approx(3.48))
    (tmp_path / "copy.mp4").write_bytes(preview.mp4)
    means = [frame.mean() for frame in iter_frames(tmp_path / "copy.mp4")]
    np.testing.assert_allclose(means, 20 + 2 * np.arange(62, 87), atol=2.5)


def test_a_noisy_video_stays_within_its_budget(tmp_path: Path) -> None:
    frames_THWC = np.random.default_rng(0).integers(0, 256, (150, 72, 128, 3), np.uint8)
    write_video(tmp_path / "v.mp4", frames_THWC, crf=30, preset="ultrafast")
    preview = make_preview(tmp_path / "v.mp4", 6.0, budget=250_000)
    assert preview.end == 6.0 and len(preview.mp4) < 275_000


def test_a_large_video_is_made_smaller_with_even_sides(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", moving(5, (501, 1001)))
    with av.open(io.BytesIO(make_preview(tmp_path / "v.mp4", 0.2).mp4)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (LONG_SIDE, 360) and not container.streams.audio
