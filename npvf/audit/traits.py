"""Traits of a video that have nothing to do with its lips. None of them should separate fakes from reals.

`npvf.media.probe` describes files, and `npvf prepare` writes this into the manifest; audio and faces are measured in
the prepared clips. An unknown trait is None, never a guess.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from npvf.clip import CROP_SIZE, FPS, ClipMeta
from npvf.data.selection import Selection, read_meta
from npvf.errors import NpvfError, Refused
from npvf.evaluate.detection import LABELLED, selected_lines
from npvf.io.corpus import Corpus
from npvf.io.remote_sources import find_sources_at, on_this_machine
from npvf.io.shards import Sample, read_tar
from npvf.io.urls import Place, as_place
from npvf.media.decode import spool_audio, to_float
from npvf.media.encode import decode_flac
from npvf.media.probe import probe
from npvf.speech.silence import dead_start, loudness, quiet_start

Value = float | str | None


@dataclass(frozen=True, slots=True)
class Trait:
    """A numeric trait with its `unit`, or a category (no unit). `advice` is what to do if it is a shortcut."""

    name: str
    unit: str | None
    advice: str


_TRIM = "cut off the start of every video, and report results with and without it"
_ENCODE = "encode all videos, also the real ones, with the same encoder"
_CUT = "cut all videos to one length"
TRAITS = (
    Trait("silence at the start", "s", _TRIM),
    Trait("digital silence at the start", "s", _TRIM),
    Trait("duration", "s", _CUT),
    Trait("sound longer than picture", "s", _CUT),
    Trait("sound later than picture", "s", _ENCODE),
    Trait("file size", "bytes", _ENCODE),
    Trait("bit rate", "bit/s", _ENCODE),
    Trait("loudness", "dB", "normalise the loudness of all audio"),
    Trait("face size", "px", "compare only faces of similar size, or scale all videos to one size first"),
    Trait("frame rate", None, "convert all videos to one frame rate with the same tool"),
    Trait("resolution", None, "scale all videos to one size with the same tool"),
    Trait("container", None, _ENCODE),
    Trait("video codec", None, _ENCODE),
    Trait("sound format", None, _ENCODE),
    Trait("encoder tag", None, _ENCODE),
    Trait(
        "refused by prepare",
        None,
        "look at the reasons in the manifest: refusals that depend on the label bias all results",
    ),
)


@dataclass(frozen=True, slots=True)
class VideoTraits:
    """One labelled video with the values of its traits by name."""

    video: str
    label: int
    manipulation: str | None
    identity: str | None
    original: str | None
    values: Mapping[str, Value] = field(default_factory=dict)


def corpus_traits(
    corpus: Corpus, selection: Selection = LABELLED, on_clip: Callable[[], object] = lambda: None
) -> list[VideoTraits]:
    """Measure the traits of each labelled video in the selection. Identical files count once.

    Raises:
        NpvfError: there is no such video.
    """
    lines = _once(selected_lines(corpus, replace(selection, label="known")))
    if not lines:
        raise NpvfError(f"{corpus.folder} has no labelled video in this selection: nothing to compare.")
    measured = {line["video"]: _ClipTraits() for line in lines}
    for sample in _samples(corpus):
        meta = read_meta(sample)
        if meta.video in measured:
            measured[meta.video].add(sample, meta)
            on_clip()
    return [_video(line, _of_line(line) | measured[line["video"]].values()) for line in lines]


def file_traits(src: Place, on_file: Callable[[], object] = lambda: None) -> list[VideoTraits]:
    """Measure the traits of each labelled video of a folder or list that is not prepared. Face sizes stay unknown.

    Raises:
        NpvfError: there is no labelled video.
    """
    found = []
    for source in find_sources_at(as_place(src)).items:
        on_file()
        if source.problem is None and source.annotation.label is not None:
            with on_this_machine(source) as here:
                found.append(_video({"video": source.video, **source.annotation.to_json()}, _of_file(here.path)))
    if not found:
        raise NpvfError(f"{src} has no labelled video: give `label` in the meta.json of each video, or in a list file.")
    return found


def _once(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep only the first line of each file."""
    first = {line["sha256"] or line["video"]: line for line in reversed(list(lines))}
    return list(reversed(first.values()))


def _samples(corpus: Corpus) -> Iterator[Sample]:
    """Yield the samples without their crops, which are nearly all of the bytes."""
    for path in corpus.paths:
        yield from read_tar(path, ("audio.flac", "track.npz", "meta.json"))


def _video(facts: Mapping[str, Any], values: dict[str, Value]) -> VideoTraits:
    known = {name: facts[name] for name in ("video", "label", "manipulation", "identity", "original")}
    return VideoTraits(**known, values=values)


def _of_line(line: Mapping[str, Any]) -> dict[str, Value]:
    """Return the traits in a line of the manifest."""
    values = _of_media(line.get("media"))
    size, frames = line.get("size_bytes"), line.get("frames")
    if frames and size:
        values |= {"duration": frames / FPS, "bit rate": values.get("bit rate") or 8 * size * FPS / frames}
    refused = line["status"] == "refused"
    return values | {"file size": size, "refused by prepare": f"refused: {line['reason']}" if refused else "prepared"}


def _of_file(path: Path) -> dict[str, Value]:
    """Measure the traits of a file; empty if it cannot be read."""
    try:
        info = probe(path)
        values = _of_media(info.to_json())
        return values if info.audio is None else values | _of_sound(to_float(spool_audio(path)))
    except Refused:
        return {}


def _of_media(media: Mapping[str, Any] | None) -> dict[str, Value]:
    """Return the traits in `MediaInfo.to_json`."""
    if media is None:
        return {}
    video, audio, seconds = media["video"], media["audio"], media["duration"]
    values: dict[str, Value] = {
        "duration": (video or media)["duration"],
        "file size": media["size_bytes"],
        "bit rate": 8 * media["size_bytes"] / seconds if seconds else None,
        "container": media["format"],
        "encoder tag": " / ".join(tag for tag in (media["encoder"], video and video["encoder"]) if tag) or "none",
        "sound format": f"{audio['codec']} {audio['sample_rate']} Hz {audio['channels']} ch" if audio else "none",
    }
    if video:
        values["frame rate"] = f"{video['average_fps']:.2f}"
        values["resolution"] = f"{video['width']}x{video['height']}"
        values["video codec"] = " ".join(filter(None, (video["codec"], video["profile"], video["pixel_format"])))
    if video and audio:
        values["sound later than picture"] = audio["start"] - video["start"]
        values["sound longer than picture"] = audio["duration"] - video["duration"]
    return values


def _of_sound(audio_N: np.ndarray) -> dict[str, Value]:
    return {
        "silence at the start": quiet_start(audio_N),
        "digital silence at the start": dead_start(audio_N),
        "loudness": loudness(audio_N),
    }


@dataclass(slots=True)
class _ClipTraits:
    """Collects the traits in the clips of one video. Its start is known only if a face track begins at frame 0."""

    meta: ClipMeta | None = None
    start: dict[str, Value] = field(default_factory=dict)
    power: list[tuple[float, int]] = field(default_factory=list)
    face_px: list[np.ndarray] = field(default_factory=list)

    def add(self, sample: Sample, meta: ClipMeta) -> None:
        self.meta = meta
        if meta.no_sound is None:
            audio_N = decode_flac(cast(bytes, sample["audio.flac"]))
            if meta.span[0] == 0 and not self.start:
                self.start = _of_sound(audio_N)
            if meta.is_speaker:
                self.power.append((float(np.square(audio_N, dtype=np.float64).sum()), len(audio_N)))
        if meta.is_speaker or meta.no_sound is not None:
            with np.load(io.BytesIO(cast(bytes, sample["track.npz"]))) as track:
                scale_T = np.sqrt(np.abs(np.linalg.det(track["transform"][:, :, :2])))
            self.face_px.append(CROP_SIZE / scale_T)

    def values(self) -> dict[str, Value]:
        if self.meta is None:
            return {}
        values = dict(self.start)
        if self.meta.source_fps:
            values["frame rate"] = f"{self.meta.source_fps:.2f}"
        if all(self.meta.source_size):
            values["resolution"] = "{}x{}".format(*self.meta.source_size)
        if self.power:
            total, count = (sum(part) for part in zip(*self.power, strict=True))
            values["loudness"] = float(10 * np.log10(total / count + 1e-12))
        if self.face_px:
            values["face size"] = float(np.median(np.concatenate(self.face_px)))
        return values
