"""Convert annotations to a perturbed copy: spans and phones to its clock, masks to its pixels."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from npvf.clip import FPS, Phones
from npvf.io.files import write_json
from npvf.io.masks import SUFFIX, VideoMasks, write_masks
from npvf.io.sources import Source
from npvf.media.probe import VideoStream, probe
from npvf.perturb.apply import Applied
from npvf.speech.times import SUFFIXES, read_times


def carry_over(source: Source, made: Path, target: Path, applied: Applied) -> None:
    """Write the sidecars of `target`: `.meta.json`, phone times, `.txt` and `.mask.npz`, if the source has them.

    Args:
        source: the video and its annotation, from a list or sidecar.
        made: the perturbed video, which is renamed to `target` after its sidecars are written.
        target: the final path.
        applied: the change of its clock.
    """
    intervals = tuple((start * applied.factor, end * applied.factor) for start, end in source.annotation.intervals)
    mask = f"{target.stem}{SUFFIX}" if source.mask is not None else None
    said = replace(source.annotation, intervals=intervals, mask=mask).to_json()
    if said := {key: value for key, value in said.items() if value not in (None, [], {})}:
        write_json(target.with_suffix(".meta.json"), said)
    _carry_phones(source.path, target, applied)
    if source.mask is not None:
        _carry_mask(source, made, target.with_suffix(SUFFIX), applied)


def _carry_phones(video: Path, target: Path, applied: Applied) -> None:
    """Copy files of phone times and words; convert them if the clock has changed."""
    moved = applied.factor != 1 or applied.delay != 0
    times = next((path for end in SUFFIXES if (path := video.with_name(video.stem + end)).is_file()), None)
    words = video.with_suffix(".txt")
    if words.is_file():
        shutil.copyfile(words, target.with_suffix(".txt"))
    if times is None:
        return
    if not moved:
        shutil.copyfile(times, target.with_name(target.stem + times.name.removeprefix(video.stem)))
        return
    phones = read_times(times)
    scaled = tuple(replace(p, start=p.start * applied.factor, end=p.end * applied.factor) for p in phones.items)
    late = Phones(scaled, phones.source).between(-applied.delay, np.inf, applied.delay)
    write_json(target.with_suffix(".phones.json"), late.to_json())


def _carry_mask(source: Source, made: Path, path: Path, applied: Applied) -> None:
    assert source.mask is not None
    before, after = probe(source.path).video, probe(made).video
    assert before is not None and after is not None  # they were decoded and encoded
    masks = VideoMasks(source.mask, round(before.duration * FPS), (after.height, after.width))
    write_masks(path, _taken(masks.between(0, masks.frames), _moments(before, after, applied.factor, masks.frames)))


def _moments(before: VideoStream, after: VideoStream, factor: float, frames: int) -> Iterator[int]:
    """Return the index of the old frame that is visible at each time k / 25 s of the new video."""
    coarser = abs(after.average_fps * factor - before.average_fps) > 1e-3
    for k in range(round(after.duration * FPS)):
        # At a lower rate, a frame stays until the next one.
        seen = int(k / FPS * after.average_fps + 1e-6) / after.average_fps if coarser else k / FPS
        yield min(int(seen / factor * FPS + 1e-6), frames - 1)


def _taken(masks: Iterator[np.ndarray], indices: Iterable[int]) -> Iterator[np.ndarray]:
    """Yield items of a stream by indices that do not decrease."""
    place, mask = -1, np.zeros(0, bool)
    for index in indices:
        while place < index:
            mask, place = next(masks), place + 1
        yield mask
