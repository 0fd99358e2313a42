"""Videos into shards: `npvf prepare`.

Every input becomes one line of `manifest.jsonl`: prepared, or refused with a code and a sentence. The work can be
broken off at any moment, by SIGKILL too; the same call again finishes it, and what comes out is byte for byte what one
undisturbed run makes (`npvf.prepare.manifest` tells how).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from npvf.clip import FPS
from npvf.corpora import corpus_sources
from npvf.corpora.grid import parse_grid_name
from npvf.corpora.splits import Split
from npvf.errors import NpvfError, Reason, Refused
from npvf.faces.landmarks import Landmarker
from npvf.faces.model_file import need_face_model
from npvf.io.files import atomic_write, write_json
from npvf.io.remote_sources import find_sources_at, on_this_machine
from npvf.io.shards import Sample, write_tar
from npvf.io.sources import Source, Sources
from npvf.io.urls import Place, as_place
from npvf.media.recording import Recording, open_recording
from npvf.prepare.ingest import DEFAULTS, IngestSettings, ingest, versions
from npvf.prepare.ledger import Line, work_path
from npvf.prepare.manifest import SHARD_BYTES, Store, mask_hash, source_hash, source_stamp
from npvf.prepare.parts import PartStore
from npvf.prepare.pool import Died, Done, Failed, Limits, Outcome, TimedOut, run_tasks
from npvf.prepare.ray_engine import RayCluster, run_on_ray

TRANSCRIPTS: dict[str, Callable[[str], str | None]] = {"grid": parse_grid_name}
"""Corpora whose file names say what is spoken: file stem -> transcript."""

LIMITS = Limits(seconds=6 * 3600, memory=6 * 2**30)
"""The limits for each video: hours for a long video on a busy machine, and some times the memory that one needs."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of a call of `prepare`. `dataset` is the content of `dataset.json`, over all runs.

    `new` inputs were worked on in this run, in `elapsed_s` seconds; they hold `new_clips` clips.
    """

    dataset: dict[str, Any]
    new: int
    new_clips: int
    elapsed_s: float


def prepare(
    src: Place,
    out: Place,
    *,
    settings: IngestSettings = DEFAULTS,
    workers: int | None = None,
    limits: Limits = LIMITS,
    transcript_from: str | None = None,
    corpus: str | None = None,
    split: Split | None = None,
    shard_bytes: int = SHARD_BYTES,
    overwrite: bool = False,
    part: tuple[int, int] | None = None,
    staging: Path | None = None,
    cluster: RayCluster | None = None,
    on_start: Callable[[int, int], None] | None = None,
    on_done: Callable[[Line], None] | None = None,
) -> Summary:
    """Prepare a folder of videos, a CSV list or one video into the folder or URL `out`.

    Args:
        src: see `npvf.io.sources.find_sources`; a URL, or a list with URLs, as well.
        out: is made; holds `shard-*.tar`, `manifest.jsonl` and `dataset.json` afterwards. One run at a time may write,
            at a URL as well (`npvf.prepare.leases`).
        settings: how a video becomes clips.
        workers: processes; None: one a core; 0: none besides this one (then a crash of a decoder is a crash of this,
            and there are no limits).
        limits: the time and memory that a video may take.
        transcript_from: a key of `TRANSCRIPTS`.
        corpus: which corpus lies at `src` (`npvf.corpora`); its own reader finds the videos and what is known of
            them. None: a folder, a list or a video.
        split: prepare only the videos of its parts.
        shard_bytes: a shard is sealed at this size; every reader of a streamed corpus needs a shard of its own.
        overwrite: make `out` anew instead of going on with it.
        part: do only the inputs of part i of n, (i, n), and make no shards (`npvf.prepare.parts`).
        staging: the folder of this machine for unfinished work on a corpus at a URL, by default in npvf's cache.
        cluster: the Ray cluster that works on the videos instead of processes of this machine. Its nodes must reach the
            videos by the same paths or URLs; shards are written by this process.
        on_start: called with the number of inputs and of those that were finished by earlier runs.
        on_done: called with the manifest line of each input that this run finishes.

    Raises:
        NpvfError: no videos at `src`; `out` was made with other settings, or of videos that have changed; or some
            videos failed by a fault of the program. The others are finished then, and a further call tries these again.
        MissingDependency: the face model or a package is not there.
    """
    src, out = as_place(src), as_place(out)
    sources = list_sources(src, out, transcript_from, corpus)
    left_out = 0
    if split is not None:
        sources, left_out = _of_split(sources, split)
    need_face_model()  # fetched before the workers start, or missing: say so before any work
    began = time.monotonic()
    made_with = {**settings.to_json(), "transcript_from": transcript_from, **({"corpus": corpus} if corpus else {})}
    if part is not None and overwrite:
        raise NpvfError("a part cannot be prepared with --overwrite: the other parts would lose their work.")
    with (
        Store(out, made_with, overwrite, shard_bytes, staging)
        if part is None
        else PartStore(out, made_with, *part, staging)
    ) as store:
        todo = store.resume(sources.items)
        if on_start:
            inputs = len(sources.items) if part is None else len(sources.items[part[0] :: part[1]])
            on_start(inputs, inputs - len(todo))
        work: Any = partial(prepare_video, settings=settings)
        if cluster is None:
            at_once: int | None = min(_cores() if workers is None else workers, len(todo))
            run: Any = partial(run_tasks, partial(work, work=store.work), limits=limits)
        else:
            at_once = None  # as many as the cluster takes
            run = partial(run_on_ray, work, work=store.work, limits=limits, cluster=cluster)
        worked = _work_off(_outcomes(run, todo, at_once), store, on_done)
        facts: dict[str, Any] = {"ignored_files": sources.ignored_files, "versions": versions()}
        if split is not None:
            facts |= {"split": split.describe(), "not_in_split": left_out}
        dataset = store.finish(facts, complete=not worked.failures)
    if worked.failures:
        source, trace = worked.failures[0]
        raise NpvfError(
            f"{len(worked.failures)} videos failed by a fault of the program and are in no manifest; the others are "
            f"finished. The first is {source.place}:\n{trace}"
        )
    return Summary(dataset, worked.inputs, worked.clips, time.monotonic() - began)


def list_sources(
    src: Place, out: Place | None, transcript_from: str | None = None, corpus: str | None = None
) -> Sources:
    """Find the inputs of `prepare`. The arguments are those of `prepare`."""
    if corpus is None:
        return find_sources_at(src, out, TRANSCRIPTS[transcript_from] if transcript_from else None)
    if not isinstance(src, Path):
        raise NpvfError(f"--corpus reads a local copy, not {src}. Make a .csv list of its videos' URLs instead.")
    return corpus_sources(corpus, src)


@dataclass(slots=True)
class _Worked:
    """Inputs finished, the clips they hold, and inputs that the program failed at, each with its traceback."""

    inputs: int = 0
    clips: int = 0
    failures: list[tuple[Source, str]] = field(default_factory=list)


def _work_off(
    outcomes: Iterator[tuple[Source, Outcome]], store: Store | PartStore, on_done: Callable[[Line], None] | None
) -> _Worked:
    """Put the outcomes into the store. Raises NpvfError for a fault that every other input would have, too."""
    worked = _Worked()
    for source, outcome in outcomes:
        if isinstance(outcome, Failed):
            worked.failures.append((source, outcome.trace))
            continue
        line = outcome.value if isinstance(outcome, Done) else _record_end(source, outcome, store.work)
        if isinstance(line, NpvfError):
            raise line
        store.add(line)
        worked.inputs, worked.clips = worked.inputs + 1, worked.clips + len(line["clips"])
        if on_done:
            on_done(line)
    return worked


def _of_split(sources: Sources, split: Split) -> tuple[Sources, int]:
    """The inputs that are in some part of it, and how many are in none."""
    wanted = {video for part in split.parts for video in split.videos(part)}
    items = [source for source in sources.items if source.video in wanted]
    if gone := sorted(wanted - {source.video for source in items}):
        raise NpvfError(
            f"the split names {len(gone)} videos that are not among the inputs, {gone[0]!r} for one. Give the corpus "
            f"that it was made of ({split.corpus}), whole and with --corpus."
        )
    return replace(sources, items=items), len(sources.items) - len(items)


def prepare_video(source: Source, settings: IngestSettings, work: Path) -> Line | NpvfError:
    """Leave a video's clips and manifest line in `work`; both are there or none counts. Returns the line.

    An error that is not the video's (a missing package, a full disk) is returned.
    """
    try:
        with on_this_machine(source, work) as here:
            return _prepare_here(here, settings, work)
    except (NpvfError, OSError) as error:  # it cannot be fetched
        return NpvfError(f"{error}. What is finished is kept: the same command goes on from there.")


def _prepare_here(source: Source, settings: IngestSettings, work: Path) -> Line | NpvfError:
    line = _blank_line(source)
    place = work_path(work, source.video)
    try:
        if not (source.path.is_file() or source.path.is_dir()):  # a pipe, or a link to itself, would block
            raise Refused(Reason.NOT_FOUND, f"{source.place} is not a file.")
        if source.audio is not None and not source.audio.is_file():
            raise Refused(Reason.NOT_FOUND, f"{source.audio}, the sound of {source.video}, is not there.")
        line["sha256"] = _readable_hash(source)
        if source.problem is not None:
            raise source.problem
        with (
            _described(source, settings, line) as recording,
            Landmarker(max_faces=settings.max_faces, backend=settings.landmarks) as landmarker,
            ingest(
                recording,
                landmarker,
                video_id=source.video,
                annotation=source.annotation,
                mask=source.mask,
                audio=source.audio,
                settings=settings,
                content_hash=line["sha256"],
                spool=work,
            ) as video,
        ):
            spans: list[tuple[float, float]] = []
            with atomic_write(place.with_suffix(".tar")) as file:
                line["clips"] = write_tar(file, _noting_spans(video.samples, spans))
            line |= {
                "status": "prepared",
                "seconds": sum(end - start for start, end in spans),
                "frames": video.frames,
                "coverage": _union(spans) * FPS / video.frames,
                "faces": video.faces,
                "phone_source": video.phone_source,
            }
    except Refused as refusal:
        hint = " The limit is --file-memory." if refusal.reason is Reason.MEMORY_LIMIT else ""
        line |= {"reason": refusal.reason, "sentence": refusal.sentence + hint, "clips": []}
    except NpvfError as error:
        return error
    except OSError as error:  # the video was readable; a full disk concerns all the others too
        return NpvfError(f"{error}, at {source.place}. What is finished is kept: the same command goes on from there.")
    write_json(place.with_suffix(".json"), line)
    return line


@contextmanager
def _described(source: Source, settings: IngestSettings, line: Line) -> Iterator[Recording]:
    """Open a video; the line says what it is and, when the block ends, what was changed."""
    with open_recording(source.path, sound=source.audio is None, track=settings.audio_track) as recording:
        try:
            yield recording
        finally:
            line["media"] = {**recording.info.to_json(), "changed": list(recording.changes)}


def _readable_hash(source: Source) -> str:
    try:
        return source_hash(source)
    except OSError as error:
        raise Refused(Reason.UNDECODABLE, f"{source.path.name} cannot be read: {error.strerror}.") from error


def _blank_line(source: Source) -> Line:
    """Return the line of the manifest for an input of which only the annotation is known yet."""
    size_bytes, mtime_ns = source_stamp(source)
    return {
        "video": source.video,
        "path": source.place,
        "audio": None if source.audio is None else str(source.audio),
        "status": "refused",
        "reason": None,
        "sentence": None,
        "clips": [],
        "samples": [],
        "shard": None,
        "seconds": 0.0,
        "frames": None,
        "coverage": None,
        "faces": None,
        "phone_source": None,
        "sha256": None,
        "duplicate_of": None,
        "media": None,
        "size_bytes": size_bytes,
        "mtime_ns": mtime_ns,
        "mask_sha256": mask_hash(source),
        "mask_path": None if source.mask is None else str(source.mask),
        **source.annotation.to_json(),
    }


def _outcomes(
    run: Callable[[list[Source], Any], Iterator[tuple[Source, Outcome]]], todo: list[Source], at_once: int | None
) -> Iterator[tuple[Source, Outcome]]:
    """Yield one outcome for each source. A source whose process died is tried again alone: it may lack memory.

    `run` works on sources, of which so many are under way at the same time.
    """
    died: list[Source] = []
    for source, outcome in run(todo, at_once):
        if isinstance(outcome, Died):
            died.append(source)
        else:
            yield source, outcome
    if died:
        yield from run(died, 1)


def _record_end(source: Source, outcome: Died | TimedOut, work: Path) -> Line:
    """Write the line of a video whose process was ended."""
    name = source.path.name
    if isinstance(outcome, TimedOut):
        reason = Reason.TIME_LIMIT
        sentence = f"{name} was not prepared within {outcome.seconds:.0f} s (--file-timeout)."
    else:
        reason = Reason.UNDECODABLE
        sentence = f"{name}: the process reading it died twice ({outcome}): a crash of a decoder, or no memory."
    line = {**_blank_line(source), "reason": reason, "sentence": sentence}
    write_json(work_path(work, source.video).with_suffix(".json"), line)
    return line


def _noting_spans(samples: Iterable[Sample], spans: list[tuple[float, float]]) -> Iterator[Sample]:
    for sample in samples:
        start, end = json.loads(sample["meta.json"])["span"]
        spans.append((start, end))
        yield sample


def _union(spans: list[tuple[float, float]]) -> float:
    """Seconds that lie in at least one span; the spans are in order of their starts."""
    covered = reached = 0.0
    for start, end in spans:
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
