"""Shift the audio of each clip to the offset at which it fits the lips, since real recordings are rarely in sync.

From a clip out of sync a model learns the delay, and from a clip with another person's voice it learns nothing. Large
corpora of talking faces were cleaned in this way with SyncNet; here a pre-trained encoder does it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from npvf.clip import FAKE, FPS, POSTERIORS_PER_FRAME, SAMPLES_PER_FRAME, Clip
from npvf.data.selection import read_meta
from npvf.errors import NpvfError, Reason
from npvf.io.corpus import DATASET, MANIFEST, Corpus
from npvf.io.entries import describe_samples
from npvf.io.files import atomic_write, write_json, write_lines
from npvf.io.shards import Sample, decode_clip, encode_clip, read_tar, write_tar
from npvf.io.urls import Place, file_name
from npvf.metrics.sync import best_offset, offset_curve
from npvf.metrics.sync_embeddings import Embedder
from npvf.prepare.ledger import count_lines


@dataclass(frozen=True, slots=True)
class SynchroniseSettings:
    """The settings for accepting a clip as in sync except for a constant offset.

    Args:
        reach: the largest offset of the search, in frames.
        most: the largest offset that is accepted, in frames.
        tolerance: the largest accepted difference of the offsets of a clip's two halves, in frames. About one in twenty
            clips that fit at no offset is accepted by chance.
    """

    reach: int = 15
    most: int = 7
    tolerance: int = 1


def synchronise(
    corpus: Corpus,
    out: Path,
    embed: Embedder,
    settings: SynchroniseSettings | None = None,
    on_clip: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Write the corpus anew with every speaker's sound in sync, without the clips that are not.

    Args:
        corpus: prepared, of real clips.
        out: a new folder.
        embed: unit vectors of lips and sound (T, P) and the gate of a clip, as `npvf.detect.scoring.embed_clip`.
        on_clip: called after each clip.

    Returns:
        What `dataset.json` says; "synchronised" in it counts the offsets undone and the clips left out.

    Raises:
        NpvfError: `out` holds something; a clip is a forgery, whose delay may be what gives it away; nothing is left.
    """
    settings = settings or SynchroniseSettings()
    if out.exists() and any(out.iterdir()):
        raise NpvfError(f"{out} is not empty: synchronise into a new folder")
    out.mkdir(parents=True, exist_ok=True)
    moved: Counter[int] = Counter()
    kept: dict[str, dict[str, Any]] = {}
    for shard in corpus.paths:
        name = file_name(shard)
        with atomic_write(out / name) as file:
            write_tar(file, _in_sync(shard, embed, settings, moved, on_clip))
        kept |= describe_samples(out / name)
    lines = [_line(line, kept) for line in corpus.manifest]
    if not kept:
        raise NpvfError(
            f"no clip of {corpus.folder} keeps in sync: is the encoder trained, is the sound the speakers'?"
        )
    write_lines(out / MANIFEST, lines)
    said = {"settings": asdict(settings), "clips_by_offset": {str(k): moved[k] for k in sorted(moved)}}
    dataset = {**corpus.dataset, **count_lines(lines), "synchronised": said}
    write_json(out / DATASET, dataset)
    return dataset


def natural_offset(v_TD: Tensor, a_TD: Tensor, settings: SynchroniseSettings) -> int | None:
    """Return the number of frames by which the audio of a clip is late; None if it is unclear or not constant."""
    half = len(v_TD) // 2
    parts = (slice(None), slice(half), slice(half, None))
    curves = [offset_curve(v_TD[part], a_TD[part], settings.reach) for part in parts]
    if any(bool(curve_L.isnan().any()) for curve_L in curves):
        return None
    whole, first, second = (int(best_offset(curve_L)) for curve_L in curves)
    agree = abs(first - second) <= settings.tolerance and abs(whole) <= settings.most
    return whole if agree else None


def move_sound(clip: Clip, frames: int) -> Clip:
    """The clip with its sound `frames` frames earlier, cut to where it has both picture and sound."""
    first, end = max(0, -frames), clip.frames - max(0, frames)
    shift = frames / FPS
    pictures, start, stop = slice(first, end), first / FPS, end / FPS
    span = (clip.meta.span[0] + start, clip.meta.span[0] + stop)
    heard = slice((first + frames) * POSTERIORS_PER_FRAME, (end + frames) * POSTERIORS_PER_FRAME)
    return replace(
        clip,
        face_THWC=clip.face_THWC[pictures],
        audio_N=clip.audio_N[(first + frames) * SAMPLES_PER_FRAME : (end + frames) * SAMPLES_PER_FRAME],
        landmarks_TN2=clip.landmarks_TN2[pictures],
        source_landmarks_TN2=clip.source_landmarks_TN2[pictures],
        transform_T23=clip.transform_T23[pictures],
        confidence_T=clip.confidence_T[pictures],
        mask_THW=None if clip.mask_THW is None else clip.mask_THW[pictures],
        posteriors_FP=None if clip.posteriors_FP is None else clip.posteriors_FP[heard],
        phones=clip.phones.between(start + shift, stop + shift, -start - shift),
        meta=replace(clip.meta, span=span, sound_moved=clip.meta.sound_moved + frames),
    )


@torch.no_grad()
def _in_sync(
    shard: Place, embed: Embedder, settings: SynchroniseSettings, moved: Counter[int], on_clip: Callable[[], object]
) -> Iterator[Sample]:
    """The samples of one shard that keep in sync, encoded anew where their sound moves."""
    for sample in read_tar(shard):
        meta = read_meta(sample)
        if meta.label == FAKE:
            raise NpvfError(f"{meta.video} is a forgery: its delay may be what gives it away. Synchronise real clips.")
        if meta.is_speaker:
            clip = decode_clip(sample)
            v_TD, a_TD, _ = embed(clip)
            offset = natural_offset(v_TD, a_TD, settings)
            if offset is not None:
                moved[offset] += 1
                yield encode_clip(move_sound(clip, offset)) if offset else sample
        on_clip()


def _line(line: dict[str, Any], kept: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The manifest's line with the clips that are left of the video."""
    if line["status"] != "prepared":
        return line
    clips = [key for key in line["clips"] if key in kept]
    if clips:
        return {**line, "clips": clips, "samples": [kept[key] for key in clips]}
    sentence = f"{line['video']} has sound that fits the lips nowhere, or not always at the same offset."
    line = {**line, "status": "refused", "reason": Reason.OUT_OF_SYNC, "sentence": sentence}
    return {**line, "clips": [], "samples": [], "shard": None, "seconds": 0.0}
