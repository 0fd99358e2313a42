"""Choose the audio track and the channels that speak, and mix them to mono.

A file may have several tracks (dubs, a silent one first) and several channels (speech in the centre of 5.1, stereo of
which one channel is inverted). All of them are decoded into temporary files and measured, and the default stands
unless it is silent or another one speaks clearly more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from npvf.clip import FPS
from npvf.errors import Reason, Refused
from npvf.media.container import Clock
from npvf.media.shown import Changes

# Time stamps of audio jitter by some milliseconds; larger gaps and overlaps are real. Less than one video frame.
SOUND_TOLERANCE = Fraction(30, 1000)
_FULL_SCALE = 32768.0
_SILENT_DB = -57.0  # no frame of 40 ms is louder: nothing that is worth listening to
_FLOOR_DB = -70.0
_CANCELLED_DB = 9.0  # a mix so much below its loudest channel is what two inverted channels leave
_CLEARLY_MORE = 2.0  # factor; speech in a living room and music without words differ by less
_BLOCK_SECONDS = 60
_LONGEST_SECONDS = 24 * 3600  # a small file can hold days of silence, which would fill the disk
_NAMES = {"FL": "left", "FR": "right", "FC": "centre", "LFE": "bass"}


@dataclass(slots=True)
class Mix:
    """One way to make mono audio of a track: a name for people, the weight of each channel, and how it sounds.

    `speech` is the standard deviation of the level in dB over frames of 40 ms, after the low frequencies were
    weakened: speech with its syllables and pauses has 5 to 16, music 3 to 7, steady noise below 2. It is 0 for silence
    and for a mix whose channels cancel.
    """

    name: str
    weights_C: np.ndarray
    level_db: float = -120.0
    speech: float = 0.0


class TrackSpool:
    """The decoded audio of one track, resampled, in a temporary file of 16-bit samples.

    Args:
        container: an opened file.
        stream: one of its audio streams.
        rate: samples per second of the result.
    """

    def __init__(self, container: InputContainer, stream: AudioStream, rate: int) -> None:
        self.stream, self.index = stream, container.streams.audio.index(stream)
        self._name = Path(container.name).name
        self.is_default = bool(stream.disposition & Disposition.default)
        self._clock = Clock(container, stream, zero=Fraction(0))
        self._rate = rate
        self._file: Any = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this object
        self._layout: str | None = None
        self._channels: tuple[str, ...] = ()
        self._run: _Run | None = None
        self._runs: list[tuple[Fraction, int]] = []  # container time and position in the file, in samples
        self._written = 0

    @property
    def is_empty(self) -> bool:
        """Return True if nothing was decoded."""
        return not self._runs

    def push(self, frame: AudioFrame) -> None:
        """Add the next decoded frame."""
        time = self._clock.place(frame)
        if self._layout is None:
            self._layout = frame.layout.name
            self._channels = tuple(channel.name for channel in frame.layout.channels)
        if self._run is None or not self._run.continued_by(frame, time):
            self._end_run()
            self._run = _Run(frame, time, self._layout, self._rate)
            self._runs.append((time, self._written))
        self._write(self._run.push(frame))

    @property
    def has_choice(self) -> bool:
        """Return True if there is more than one channel."""
        return len(self._channels) > 1

    def mixes(self, measured: bool = True) -> list[Mix]:
        """Return the ways to make mono audio, the usual one first."""
        mixes = [Mix(name, weights_C) for name, weights_C in _ways(self._channels)]
        if not measured:
            return mixes
        self._end_run()
        self._file.flush()
        for mix in mixes:
            self._measure(mix)
        loudest = max(mix.level_db for mix in mixes)
        for mix in mixes:
            if np.count_nonzero(mix.weights_C) > 1 and mix.level_db < loudest - _CANCELLED_DB:
                mix.speech = 0.0
        return mixes

    def mixed(self, mix: Mix, zero: Fraction) -> np.ndarray:
        """Return the mono audio, (N,) int16, mapped from a temporary file; sample 0 is at `zero` (container time).

        Audio that starts late is preceded by silence, audio before `zero` is cut, and gaps are silence.
        """
        self._end_run()
        self._file.flush()
        with tempfile.TemporaryFile() as file:
            written = 0
            ends = [*(begin for _, begin in self._runs[1:]), self._written]
            for (time, begin), end in zip(self._runs, ends, strict=True):
                position = round((time - zero) * self._rate)
                if position > written:
                    _write_zeros(file, position - written)
                    written = position
                begin += max(0, written - position)
                for block_NC in self._blocks(begin, end):
                    file.write(np.rint(block_NC @ mix.weights_C).astype(np.int16).tobytes())
                    written += len(block_NC)
            file.flush()
            return np.memmap(file, np.int16, mode="r") if written else np.zeros(0, np.int16)

    def _end_run(self) -> None:
        if self._run is not None:
            self._write(self._run.push(None))
            self._run = None

    def _write(self, blocks: Iterator[np.ndarray]) -> None:
        for block_NC in blocks:
            if self._written > _LONGEST_SECONDS * self._rate:
                hours = _LONGEST_SECONDS // 3600
                raise Refused(Reason.UNDECODABLE, f"{self._name}: its audio is longer than {hours} hours.")
            self._file.write(block_NC.tobytes())
            self._written += len(block_NC)

    def _blocks(self, begin: int, end: int) -> Iterator[np.ndarray]:
        """Yield (N, C) int16 of at most a minute between two positions of the file.

        They are read and not mapped: mapped pages of hours of 5.1 would count as memory of this process.
        """
        channels = len(self._channels)
        for at in range(begin, end, _BLOCK_SECONDS * self._rate):
            count = min(end - at, _BLOCK_SECONDS * self._rate)
            self._file.seek(2 * channels * at)
            yield np.frombuffer(self._file.read(2 * channels * count), np.int16).reshape(-1, channels)

    def _measure(self, mix: Mix) -> None:
        """Set `level_db` and `speech`."""
        length = self._rate // FPS
        plain, sharp = [np.zeros(0)], [np.zeros(0)]
        for block_NC in self._blocks(0, self._written):
            mono_N = block_NC @ (mix.weights_C / _FULL_SCALE)
            plain.append(_power(mono_N, length))
            sharp.append(_power(np.diff(mono_N, prepend=mono_N[0]) + 0.1 * mono_N, length))
        plain_T, sharp_T = np.concatenate(plain), np.concatenate(sharp)
        if len(plain_T) and 10 * np.log10(plain_T.max() + 1e-12) > _SILENT_DB:
            mix.level_db = float(10 * np.log10(plain_T.mean()))
            mix.speech = float(np.maximum(10 * np.log10(sharp_T + 1e-12), _FLOOR_DB).std())


def _power(mono_N: np.ndarray, length: int) -> np.ndarray:
    """Return the mean power of consecutive frames; the last one, if it is not full, is left out."""
    frames = len(mono_N) // length
    return np.square(mono_N[: frames * length]).reshape(frames, length).mean(axis=1)


@dataclass(slots=True)
class _Run:
    """Resampled audio without a gap. Within it samples are counted; time stamps decide where the next run starts."""

    first: AudioFrame
    time: Fraction
    layout: str
    rate: int
    _resampler: AudioResampler = field(init=False)
    _kind: tuple[str, str, int] = field(init=False)

    def __post_init__(self) -> None:
        # Without this option a change from 5.1 to stereo in mid-stream would become louder, and clip.
        self._resampler = AudioResampler("s16", self.layout, self.rate, options={"rematrix_maxval": "1.0"})
        self._kind = _kind(self.first)

    def continued_by(self, frame: AudioFrame, time: Fraction) -> bool:
        return abs(time - self.time) <= SOUND_TOLERANCE and _kind(frame) == self._kind

    def push(self, frame: AudioFrame | None) -> Iterator[np.ndarray]:
        """Yield blocks (N, C) int16."""
        if frame is not None:
            self.time += Fraction(frame.samples, frame.sample_rate)
        for resampled in self._resampler.resample(frame):
            yield resampled.to_ndarray().reshape(-1, resampled.layout.nb_channels)


def choose_speech(tracks: list[TrackSpool], changes: Changes) -> tuple[TrackSpool, Mix]:
    """Return the track and the mix that speak. What differs from the default is noted in `changes`."""
    default = next((track for track in tracks if track.is_default), tracks[0])
    if len(tracks) == 1 and not default.has_choice:
        return default, default.mixes(measured=False)[0]
    best = {track.index: _best(track.mixes()) for track in tracks}
    chosen = max(tracks, key=lambda track: (best[track.index].speech, track is default))
    if best[chosen.index].speech < _CLEARLY_MORE * best[default.index].speech or not best[chosen.index].speech:
        chosen = default
    mix = best[chosen.index]
    if chosen is not default:
        why = "is silent" if best[default.index].speech == 0 else "speaks less"
        changes.note(
            f"audio_track: track {chosen.index + 1} of {len(tracks)}; the default, track {default.index + 1}, {why}"
        )
    if mix.name:
        changes.note(f"audio_channel: {mix.name}")
    return chosen, mix


def _best(mixes: list[Mix]) -> Mix:
    """Return the first mix unless another one speaks clearly more; of several such, the loudest."""
    most = max(mix.speech for mix in mixes)
    best = max((mix for mix in mixes if mix.speech >= 0.9 * most), key=lambda mix: round(mix.level_db))
    return best if best.speech > _CLEARLY_MORE * mixes[0].speech else mixes[0]


def _ways(channels: tuple[str, ...]) -> list[tuple[str, np.ndarray]]:
    """Return names and weights of the ways to make mono audio of some channels. The usual one has no name."""
    single = [
        (
            f"only the {_NAMES.get(name, name)} of {len(channels)} channels, which speaks more than all together",
            weight_C,
        )
        for name, weight_C in zip(channels, np.eye(len(channels)), strict=True)
    ]
    # The bass channel has no speech.
    full = np.array([name != "LFE" for name in channels], float)
    together = full / max(1, full.sum())
    if len(channels) < 2:
        return [("", together)]
    if len(channels) > 2 and "FC" in channels:
        centre = channels.index("FC")
        rest = single[:centre] + single[centre + 1 :]
        mixed = (f"all {len(channels)} channels, since the centre does not speak", together)
        return [(f"the centre of {len(channels)} channels", single[centre][1]), mixed, *rest]
    return [("", together), *single]


def _write_zeros(file: Any, count: int) -> None:
    for _ in range(count // 2**20):
        file.write(bytes(2**21))
    file.write(bytes(2 * (count % 2**20)))


def _kind(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def audio_tracks(container: InputContainer, rate: int, number: int | None = None) -> dict[int, TrackSpool]:
    """Return a spool for each audio track, or for the track with this number (from 1) alone, by index of the stream.

    Raises:
        Refused: NO_AUDIO if there is none.
    """
    name, streams = Path(container.name).name, container.streams.audio
    if not streams:
        raise Refused(Reason.NO_AUDIO, f"{name} has no audio stream.")
    if number is not None and not 1 <= number <= len(streams):
        raise Refused(Reason.NO_AUDIO, f"{name} has {len(streams)} audio tracks, and not a track {number}.")
    chosen = streams if number is None else streams[number - 1 : number]
    with_decoder = [stream for stream in chosen if stream.codec_context is not None]
    # Without any decoder the file is refused where its audio is decoded.
    return {stream.index: TrackSpool(container, stream, rate) for stream in with_decoder or chosen}
