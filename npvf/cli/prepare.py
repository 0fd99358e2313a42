"""`npvf prepare SRC OUT`: turn videos into shards of aligned face tracks, audio and phones."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from npvf.cli.options import at_least_one, not_negative, positive
from npvf.corpora.splits import read_split
from npvf.faces.backend import Backend
from npvf.io.urls import Place, as_place
from npvf.prepare.ingest import IngestSettings
from npvf.prepare.manifest import SHARD_BYTES
from npvf.prepare.pool import Limits
from npvf.prepare.ray_engine import RayCluster
from npvf.prepare.run import LIMITS, TRANSCRIPTS, Summary, list_sources, prepare
from npvf.prepare.verify import verify

PHONES = ("auto", "times", "transcript", "recogniser", "voice_activity")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "src",
        type=as_place,
        help="a folder of videos, a video, a .csv list with a column 'path', or the folder of a corpus; also URLs (s3://...)",
    )
    parser.add_argument(
        "out", type=as_place, nargs="?", help="the folder or URL for shards, manifest.jsonl and dataset.json"
    )
    parser.add_argument("--corpus", metavar="NAME", help="the corpus in SRC; `npvf corpora` lists the names")
    parser.add_argument("--split-file", type=Path, metavar="FILE", help="prepare only the videos of this split")
    parser.add_argument("--list", action="store_true", help="only print the videos and their annotations")
    parser.add_argument("--overwrite", action="store_true", help="delete OUT and start again, instead of continuing")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="re-read the prepared corpus SRC, compare hashes and counts, and repair what can be repaired",
    )
    _add_content(parser.add_argument_group("what is taken from a video"))
    _add_limits(parser.add_argument_group("processes and limits"))
    _add_machines(parser.add_argument_group("several machines"))


def _add_content(group: argparse._ArgumentGroup) -> None:
    """Declare what is taken from a video."""
    defaults = IngestSettings()
    group.add_argument(
        "--phones", choices=PHONES, default=defaults.phones, help="the source of phone times (default: %(default)s)"
    )
    group.add_argument(
        "--transcript-from", choices=sorted(TRANSCRIPTS), help="a corpus whose file names contain the transcript"
    )
    group.add_argument(
        "--pictures-only",
        action="store_true",
        help="accept videos without audio; they can be used for localization only",
    )
    group.add_argument(
        "--max-seconds", type=positive, default=defaults.max_seconds, help="cut longer tracks (default: %(default)s)"
    )
    group.add_argument(
        "--max-faces",
        type=at_least_one,
        default=defaults.max_faces,
        help="faces to track at the same time (default: %(default)s)",
    )
    group.add_argument(
        "--landmarks",
        choices=get_args(Backend),
        default=defaults.landmarks,
        help="what runs the face networks (default: %(default)s); mediapipe is slower",
    )
    group.add_argument(
        "--audio-track",
        type=at_least_one,
        metavar="N",
        help="the audio track of each video, from 1 (default: the one that speaks)",
    )


def _add_limits(group: argparse._ArgumentGroup) -> None:
    """Declare the number of processes, what a video may cost, and the size of a shard."""
    group.add_argument("--workers", type=not_negative, metavar="N", help="number of processes (default: one per core)")
    group.add_argument(
        "--file-timeout",
        type=positive,
        default=LIMITS.seconds,
        metavar="S",
        help="seconds after which a video is refused as time_limit (default: %(default).0f)",
    )
    group.add_argument(
        "--file-memory",
        type=positive,
        default=LIMITS.memory / 2**30 if LIMITS.memory else None,
        metavar="GIB",
        help="memory of a process; a video that needs more is refused as memory_limit (default: %(default).0f; Linux)",
    )
    group.add_argument(
        "--shard-mb", type=positive, default=SHARD_BYTES / 2**20, help="size of a shard in MiB (default: %(default).0f)"
    )


def _add_machines(group: argparse._ArgumentGroup) -> None:
    """Declare how several machines share the work."""
    group.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="processes of this machine, or a Ray cluster: the one at --ray-address, or a local one (default: local)",
    )
    group.add_argument("--ray-address", metavar="A", help="address of a Ray cluster, such as host:6379 or auto")
    group.add_argument(
        "--staging",
        type=Path,
        metavar="DIR",
        help="folder of this machine for unfinished work, if OUT is a URL (default: in the cache)",
    )
    group.add_argument(
        "--shard-index", type=not_negative, metavar="I", help="prepare only part I of --num-shards (a Slurm array)"
    )
    group.add_argument(
        "--num-shards",
        type=at_least_one,
        metavar="N",
        help="number of parts; when all are done, the command without these options makes the shards",
    )


def run(args: argparse.Namespace) -> int:
    """Prepare the videos. The exit status is 0 if at least one was prepared, else 1."""
    if args.list:
        return _list(args)
    if args.verify:
        return _verify(args.src, args.staging)
    console = Console(stderr=True)
    if wrong := _wrong_use(args):
        console.print(f"npvf prepare: {wrong}")
        return 2
    with _Shown(console) as shown:
        summary = _prepare(args, shown)
    Console().print(_table(args.out, summary))
    return 0 if summary.dataset["prepared"] else 1


def _prepare(args: argparse.Namespace, shown: _Shown) -> Summary:
    settings = IngestSettings(
        args.max_seconds,
        args.max_faces,
        args.phones,
        not args.pictures_only,
        audio_track=args.audio_track,
        landmarks=args.landmarks,
    )
    return prepare(
        args.src,
        args.out,
        settings=settings,
        workers=args.workers,
        limits=Limits(args.file_timeout, round(args.file_memory * 2**30)),
        transcript_from=args.transcript_from,
        corpus=args.corpus,
        split=read_split(args.split_file) if args.split_file else None,
        shard_bytes=round(args.shard_mb * 2**20),
        overwrite=args.overwrite,
        staging=args.staging,
        cluster=RayCluster(args.ray_address, args.workers) if args.engine == "ray" else None,
        part=None if args.shard_index is None else (args.shard_index, args.num_shards),
        on_start=shown.on_start,
        on_done=shown.on_done,
    )


def _wrong_use(args: argparse.Namespace) -> str:
    """Return what is wrong with options that do not go together, or ""."""
    if args.out is None:
        return "OUT is missing: npvf prepare SRC OUT, shards are written to OUT"
    if (args.shard_index is None) != (args.num_shards is None):
        return "--shard-index and --num-shards go together"
    return "--ray-address needs --engine ray" if args.ray_address and args.engine != "ray" else ""


def _printable(text: str) -> str:
    """Replace what UTF-8 cannot express: names of files can be any bytes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Shown(Progress):
    """The progress bar, which counts refused videos and prints each of them."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[refused]} refused"),
        )
        super().__init__(*columns, console=console, speed_estimate_period=300)
        self._refused = 0
        self._task = self.add_task("prepare", total=None, refused=0, before=0)

    def on_start(self, inputs: int, finished: int) -> None:
        self.update(self._task, total=inputs, completed=finished, before=finished)
        if finished:
            self.console.print(f"{finished} of {inputs} inputs were finished by an earlier run")

    def on_done(self, line: dict[str, Any]) -> None:
        if line["status"] == "refused":
            self._refused += 1
            message = f"refused: {line['video']} ({line['reason']}): {line['sentence']}"
            self.console.print(_printable(message), markup=False, highlight=False, soft_wrap=True)
        self.update(self._task, advance=1, refused=self._refused)


class _Rate(ProgressColumn):
    """A progress column: videos per minute, the mean of this run."""

    def render(self, task: Task) -> Text:
        done = task.completed - task.fields["before"]
        return Text(f"{60 * done / task.elapsed:.1f} videos/min" if done and task.elapsed else "")


def _verify(folder: Place, staging: Path | None) -> int:
    """Return 0 if the corpus is right and complete, else 1."""
    found = verify(folder, staging)
    print(f"{found.samples} samples are right")
    for sentence in found.damage:
        print(f"damaged: {sentence}")
    for video in found.to_prepare:
        print(f"to be prepared again: {_printable(video)}")
    if not found.complete:
        print("the corpus is not finished: run the same `npvf prepare SRC OUT` again")
    return 1 if found.damage or not found.complete else 0


def _list(args: argparse.Namespace) -> int:
    found = list_sources(args.src, args.out, corpus=args.corpus)
    for source in found.items:
        known = {key: value for key, value in source.annotation.to_json().items() if value not in (None, [], {})}
        print(_printable(source.video), source.problem or known or "")
    print(f"{len(found.items)} videos, {found.ignored_files} other files")
    return 0


def _table(out: Place, summary: Summary) -> Table:
    dataset = summary.dataset
    table = Table(title=str(out), show_header=False)
    table.add_row("inputs", str(dataset["inputs"]))
    table.add_row("prepared", str(dataset["prepared"]))
    for reason, count in dataset["refused"].items():
        table.add_row(f"refused: {reason}", str(count))
    if dataset["duplicates"]:
        table.add_row("duplicate files", str(dataset["duplicates"]))
    table.add_row("clips", str(dataset["clips"]))
    table.add_row("hours of clips", f"{dataset['hours']:.3f}")
    table.add_row("phones", ", ".join(f"{source}: {n}" for source, n in dataset["phone_sources"].items()))
    table.add_row("this run", f"{summary.new} inputs, {summary.new_clips} clips in {summary.elapsed_s:.0f} s")
    if summary.new_clips:
        table.add_row("clips/min", f"{60 * summary.new_clips / summary.elapsed_s:.0f}")
    return table
