"""A media file that is opened and parsed once: its description, its frames, and then its audio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import cast

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from npvf.clip import FPS, SAMPLE_RATE
from npvf.errors import Reason, Refused
from npvf.media.container import clock_zero_of, decoded_together, open_media, video_stream
from npvf.media.decode import resampled, shown_until, speech_of
from npvf.media.probe import MediaInfo, describe
from npvf.media.shown import Changes, Viewer, deinterlaced
from npvf.media.sound import TrackSpool, audio_tracks

Notify = Callable[[str, float], None]
"""Is called while a video is read, with a step ("frames", "audio") and the time in the video, in seconds."""


@contextmanager
def open_recording(path: str | Path, sound: bool = True, track: int | None = None) -> Iterator[Recording]:
    """Open a file that has a video stream.

    Args:
        path: a media file.
        sound: decode the audio as well, if there is any.
        track: the number of the audio track, from 1; None: the one that speaks.

    Raises:
        Refused: NOT_FOUND, UNDECODABLE, NO_VIDEO, or NO_AUDIO if there is no audio track with this number.
    """
    with open_media(path) as container:
        yield Recording(container, Path(path), sound, track)


class Recording:
    """An opened file. Take the frames first; the audio is decoded along with them.

    Attributes:
        info: what `probe` returns.
        changes: what was done to frames and audio; complete after `audio`.
        notify: is called with each frame and before the audio; an exception that it raises ends the reading.
    """

    def __init__(self, container: InputContainer, path: Path, sound: bool, track: int | None) -> None:
        stream = video_stream(container)
        if stream is None:
            raise Refused(Reason.NO_VIDEO, f"{path.name} has no video stream.")
        self._container, self._stream, self._name = container, stream, path.name
        self.changes = Changes()
        self.notify: Notify = lambda step, seconds: None
        wanted = sound and len(container.streams.audio) > 0
        self._tracks: dict[int, TrackSpool] = audio_tracks(container, SAMPLE_RATE, track) if wanted else {}
        self._decoded = self._decode()
        first = next(self._decoded, None)
        self.info: MediaInfo = describe(container, path, first)
        assert first is not None  # `describe` has refused an empty stream
        self._zero = clock_zero_of(container, stream, first)
        self._decoded = chain([first], self._decoded)

    @property
    def has_sound(self) -> bool:
        """Return True if there is an audio stream that is decoded."""
        return bool(self._tracks)

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the frames as `npvf.media.iter_frames` does, at 25 a second. Can be read once."""
        timed = deinterlaced(shown_until(self._container, self._stream, self._decoded, None), self.changes)
        viewer = Viewer(self._stream, self.changes)
        shown = resampled(timed, viewer, self._stream.time_base or Fraction(0), FPS)
        for number, frame in enumerate(shown):
            self.notify("frames", number / FPS)
            yield frame

    def audio(self) -> np.ndarray:
        """Return the audio as `npvf.media.spool_audio` does. Frames that were not taken are skipped.

        Raises:
            Refused: NO_AUDIO or UNDECODABLE.
        """
        if not self._tracks:
            raise Refused(Reason.NO_AUDIO, f"{self._name} has no audio stream.")
        self.notify("audio", 0.0)
        for _ in self._decoded:
            pass
        return speech_of(self._tracks.values(), self._zero, self._name, self.changes)

    def _decode(self) -> Iterator[VideoFrame]:
        """Yield the frames of the video; the audio between them goes into its files."""
        streams: list[VideoStream | AudioStream] = [self._stream, *(track.stream for track in self._tracks.values())]
        for stream, frame in decoded_together(self._container, streams):
            if stream.index == self._stream.index:
                yield cast(VideoFrame, frame)
            else:
                self._tracks[stream.index].push(cast(AudioFrame, frame))
