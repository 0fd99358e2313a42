"""Turn decoded frames into what a viewer sees: deinterlaced, with square pixels, in the colours of BT.709, upright."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream

from npvf.media.colour import ColourConverter, describe_conversion, needs_conversion

TimedFrame = tuple[VideoFrame, Fraction]
_LONGEST_PIXEL = 4  # a declared aspect ratio of pixels beyond 4:1 is an error of the file


class Changes(list[str]):
    """The list of all changes to a file, made before anything looked at it: sentences that begin with a code."""

    def note(self, change: str) -> None:
        """Add a change unless it is known."""
        if change not in self:
            self.append(change)


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Return width / height of a pixel as the file declares it; 1 if it declares nothing, or nonsense."""
    declared = stream.sample_aspect_ratio
    if not declared or not Fraction(1, _LONGEST_PIXEL) <= declared <= _LONGEST_PIXEL:
        return Fraction(1)
    return declared


def square_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Return (width, height) of a frame with square pixels. The shorter side of a pixel is scaled, so none is lost."""
    return round(width * max(aspect, Fraction(1))), round(height / min(aspect, Fraction(1)))


class Viewer:
    """Make RGB arrays of the frames of one stream. A frame with another size than the first is scaled to that size.

    Args:
        stream: the stream of the frames.
        changes: what is done to the frames is noted here.

    Attributes:
        size: (width, height) of all frames before they are turned; None before the first frame.
    """

    def __init__(self, stream: VideoStream, changes: Changes) -> None:
        self._aspect, self._changes = pixel_aspect(stream), changes
        self.size: tuple[int, int] | None = None
        self._colours: ColourConverter | None = None

    def expect(self, frame: VideoFrame) -> tuple[int, int]:
        """Return `size`; the first frame decides it."""
        if self.size is None:
            self.size = square_size(frame.width, frame.height, self._aspect)
            if self._aspect != 1:
                self._changes.note(
                    f"square_pixels: {frame.width}x{frame.height} with pixels of {self._aspect.numerator}:"
                    f"{self._aspect.denominator} was scaled to {self.size[0]}x{self.size[1]}"
                )
        return self.size

    def show(self, frame: VideoFrame) -> np.ndarray:
        """Return (H, W, 3) uint8 RGB."""
        rotation = frame.rotation
        width, height = self.expect(frame)
        if needs_conversion(frame):
            frame = self._converted(frame)
        scaling = Interpolation.BILINEAR if (frame.width, frame.height) == (width, height) else Interpolation.BICUBIC
        picture = frame.reformat(width, height, "rgb24", interpolation=scaling, threads=1).to_ndarray()
        # The display matrix turns counter-clockwise, as rot90 does.
        return np.ascontiguousarray(np.rot90(picture, round(rotation / 90) % 4))

    def _converted(self, frame: VideoFrame) -> VideoFrame:
        self._changes.note(f"tone_mapped: {describe_conversion(frame)} to BT.709")
        if self._colours is None or not self._colours.fits(frame):
            self._colours = ColourConverter(frame)
        return self._colours.convert(frame)


def deinterlaced(frames: Iterable[TimedFrame], changes: Changes) -> Iterator[TimedFrame]:
    """Yield each frame with its time; interlaced ones show their first field, interpolated by FFmpeg's `bwdif`.

    A stream without interlaced frames is passed on as it is. From the first interlaced frame on the filter sees all
    frames, because it looks at their neighbours, and leaves the progressive ones alone.
    """
    graph: _Bwdif | None = None
    for frame, time in frames:
        if graph is not None and not graph.fits(frame):
            yield from graph.rest()
            graph = None
        if graph is None and frame.interlaced_frame:
            changes.note("deinterlaced: the video is interlaced")
            graph = _Bwdif(frame)
        if graph is None:
            yield frame, time
        else:
            yield from graph.push(frame, time)
    if graph is not None:
        yield from graph.rest()


class _Bwdif:
    """The filter for frames of one size and format: one frame out for each frame in, later."""

    def __init__(self, frame: VideoFrame) -> None:
        self._key = _key(frame)
        self._times: deque[Fraction] = deque()
        self._graph = av.filter.Graph()
        self._graph.threads = 1
        source = self._graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        filter_ = self._graph.add("bwdif", mode="send_frame", deint="interlaced")
        self._graph.link_nodes(source, filter_, self._graph.add("buffersink")).configure()

    def fits(self, frame: VideoFrame) -> bool:
        return self._key == _key(frame)

    def push(self, frame: VideoFrame, time: Fraction) -> Iterator[TimedFrame]:
        self._times.append(time)
        self._graph.vpush(frame)
        yield from self._ready()

    def rest(self) -> Iterator[TimedFrame]:
        self._graph.vpush(None)
        yield from self._ready()

    def _ready(self) -> Iterator[TimedFrame]:
        while True:
            try:
                frame = self._graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
            yield frame, self._times.popleft()


def _key(frame: VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
