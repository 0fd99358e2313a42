"""Measure the packets of every stream: sizes, times, key frames, encoder settings. Nothing is decoded."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field

import numpy as np
from av.container import InputContainer

# What x264 and x265 write as an SEI message into the first key frame, and what remuxing keeps.
_SETTINGS = re.compile(rb"(x26[45])(?: \(build \d+\))? - (core \d+|[\d.+]+)[ -~]{0,400}?options: ([ -~]{10,4000})")
LEAST_CHANGE = 0.05  # a step between two frames that differs so much (5 %) from the usual one is another rate
TICK = 0.0011  # seconds: containers with milliseconds round steps by one


@dataclass(slots=True)
class Packets:
    """The packets of one stream.

    Attributes:
        bytes: of all packets.
        times: presentation times in seconds, in the order of the file, without those that are missing.
        ends: the end of each of them.
        key_times: the presentation times of the key frames.
        count: packets, also those without a time.
        damaged: packets that the container marks as damaged.
        settings: encoder and options, with the time at which they first appear.
    """

    bytes: int = 0
    times: array[float] = field(default_factory=lambda: array("d"))
    ends: array[float] = field(default_factory=lambda: array("d"))
    key_times: array[float] = field(default_factory=lambda: array("d"))
    count: int = 0
    damaged: int = 0
    settings: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def span(self) -> float:
        """Seconds from the first presentation time to the last end."""
        return max(self.ends) - min(self.times) if self.times else 0.0


@dataclass(frozen=True, slots=True)
class Rate:
    """The steps between the frames of a stream, in seconds.

    Attributes:
        usual, least, most: the median, smallest and largest step.
        longest_at: where the largest step begins.
        irregular: the share of the steps that differ from the usual one by more than 5 % and 1.1 ms.
    """

    usual: float
    least: float
    most: float
    longest_at: float
    irregular: float


def read_packets(container: InputContainer) -> dict[int, Packets]:
    """Read all packets of an opened file, by the index of their stream."""
    found = {stream.index: Packets() for stream in container.streams}
    for packet in container.demux():
        if not packet.size:  # the end of a stream
            continue
        packets = found[packet.stream_index]
        packets.count += 1
        packets.bytes += packet.size
        packets.damaged += packet.is_corrupt
        time = None if packet.pts is None else float(packet.pts * packet.time_base)
        if time is not None:
            packets.times.append(time)
            packets.ends.append(time + float((packet.duration or 0) * packet.time_base))
        if packet.stream.type == "video" and packet.is_keyframe:
            if time is not None:
                packets.key_times.append(time)
            for name, version, options in _SETTINGS.findall(bytes(packet)):
                encoder = f"{name.decode()} {version.decode()}"
                packets.settings.setdefault((encoder, options.decode().strip()), time or 0.0)
    return found


def frame_rate(packets: Packets) -> Rate | None:
    """Measure how regular the frames of a stream are. None: it has fewer than three presentation times."""
    times_T = np.unique(np.asarray(packets.times))
    if len(times_T) < 3:
        return None
    steps = np.diff(times_T)
    usual = float(np.median(steps))
    irregular = np.abs(steps - usual) > max(LEAST_CHANGE * usual, TICK)
    longest = int(steps.argmax())
    return Rate(usual, float(steps.min()), float(steps[longest]), float(times_T[longest]), float(irregular.mean()))


def longest_group(packets: Packets, seconds_a_frame: float) -> int | None:
    """Return the largest number of frames from one key frame to the next. None: there is no key frame."""
    if not packets.key_times or seconds_a_frame <= 0:
        return None
    edges = np.append(np.sort(np.asarray(packets.key_times)), max(packets.times) + seconds_a_frame)
    times_T = np.sort(np.asarray(packets.times))
    return int(np.diff(np.searchsorted(times_T, edges - seconds_a_frame / 2)).max())
