"""What `npvf evaluate` can be told: a configuration's keys, each of which is a flag too."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from npvf.cli import options
from npvf.cli.config_file import read_settings
from npvf.corpora.splits import part_videos, read_split
from npvf.data.selection import Label, Part, Selection
from npvf.errors import NpvfError
from npvf.evaluate.detection import Grouping, Silence
from npvf.evaluate.figures import Refusal
from npvf.io.corpus import Corpus
from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.sync_protocol import SWAP_REACH
from npvf.models.batch import Gate

Protocol = Literal["detection", "synchrony", "localization"]
# Keys that only some protocols look at.
READ_BY: dict[str, tuple[Protocol, ...]] = {
    "refused": ("detection",),
    "silence": ("detection",),
    "segments_per_clip": ("detection",),
    "plots": ("detection",),
    "shortcuts": ("detection",),
    "threshold": ("detection", "localization"),
    "gate": ("detection", "synchrony"),
    "segments": ("synchrony",),
    "swap_reach": ("synchrony",),
    "baseline": ("synchrony",),
}


@dataclass(frozen=True, slots=True)
class EvaluateSettings:
    """One run; `add_arguments` says what each key means."""

    corpus: str
    detector: str | None = None
    pretrained: str | None = None
    localizer: str | None = None
    name: str | None = None
    protocol: Protocol | None = None
    gate: Gate | None = None
    out: str | None = None
    device: str | None = None
    seed: int = 0
    split: str | None = None
    split_file: str | None = None
    identities: tuple[str, ...] | None = None
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    part: Part | None = None
    held_out: float = 0.0
    bootstrap: int = 1000
    group: Grouping = "auto"
    refused: Refusal = "half"
    silence: Silence = "both"
    segments_per_clip: int | None = None
    threshold: float | None = None
    plots: bool = True
    shortcuts: bool = True
    segments: int = 60
    swap_reach: int = SWAP_REACH
    baseline: bool = True

    def __post_init__(self) -> None:
        """Raises NpvfError where a number is out of its range, or two keys exclude each other."""
        ranges: dict[str, tuple[float, float]] = {
            "seed": (0, 2**32 - 1),
            "bootstrap": (0, 10**7),
            "segments_per_clip": (1, 10**7),
            "threshold": (0, 1),
            "held_out": (0, 1),
            "segments": (2, 10**7),
            "swap_reach": (0, 15),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise NpvfError(f"{name} is {value}; it lies between {low} and {high}")
        if sum(folder is not None for folder in (self.detector, self.pretrained, self.localizer)) > 1:
            raise NpvfError("give a detector, a pretrained model or a localizer, not both")
        if (self.measures == "localization") != (self.localizer is not None):
            raise NpvfError("localization is measured of --localizer DIR, and nothing else is measured of it")
        if self.gate and self.detector:
            raise NpvfError("--gate goes with --pretrained: a detector's head has learnt one gate")
        if self.measures == "detection" and not (self.detector or self.pretrained):
            raise NpvfError("detection needs --detector DIR, which fine-tuning makes, or --pretrained DIR")
        defaults = {field.name: field.default for field in fields(self)}
        unread = [k for k, by in READ_BY.items() if self.measures not in by and getattr(self, k) != defaults[k]]
        if unread:
            raise NpvfError(f"{self.measures} does not look at {', '.join(unread)}: it would change nothing")

    @property
    def measures(self) -> Protocol:
        """The protocol that is meant."""
        if self.protocol is None and self.localizer:
            return "localization"
        return self.protocol or ("detection" if self.detector else "synchrony")

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return Path(self.out) if self.out else Path("runs/evaluate") / Path(self.corpus).resolve().name

    @property
    def intervals(self) -> Bootstrap:
        """How they are made."""
        return Bootstrap(self.bootstrap, self.seed)

    def selection(self, label: Label) -> Selection:
        """Which videos take part."""
        splits = [read_split(self.split_file)] if self.split_file else []
        return Selection(
            label=label,
            split=None if splits else self.split,
            videos=part_videos(splits, self.split or "test", [Corpus(self.corpus)]) if splits else None,
            identities=frozenset(self.identities) if self.identities else None,
            include=self.include,
            exclude=self.exclude,
            part=self.part,
            held_out=self.held_out,
        )

    def to_json(self) -> dict[str, Any]:
        """Every key, lists for tuples."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def to_yaml(self) -> str:
        """A configuration that says the same, whatever defaults become."""
        head = "# npvf evaluate --config FILE does this run again.\n"
        return head + yaml.safe_dump(self.to_json(), sort_keys=False, allow_unicode=True)

    @classmethod
    def of(cls, args: argparse.Namespace) -> EvaluateSettings:
        """What the file says, and over it what the flags say. Raises NpvfError as `read_settings`."""
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in vars(args).items() if k in cls.__slots__}
        # A flag that names the model replaces the file's, of whichever kind.
        if given.keys() & {"detector", "pretrained", "localizer"}:
            given = {"detector": None, "pretrained": None, "localizer": None, **given}
        return read_settings(cls, args.config, given)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags. None has a default of its own: a flag that is not given leaves the file's word."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="a YAML file with any of these keys (configs/evaluate); flags win"
    )
    add = _without_defaults(parser)
    add("corpus", nargs="?", help="a folder made by `npvf prepare`")
    what = _without_defaults(parser.add_mutually_exclusive_group())
    what(
        "--detector",
        metavar="DIR",
        help="a detector folder, or a baseline (silence, mouth_energy): measure how it tells fake from real",
    )
    what("--pretrained", metavar="DIR", help="a model folder: measure how it follows sound and lips")
    what("--localizer", metavar="DIR", help="a localizer folder: measure how it finds forged pixels")
    add(
        "--protocol",
        choices=get_args(Protocol),
        help="default: detection for --detector, localization for --localizer, synchrony for --pretrained; a "
        "pre-trained model alone detects by how well lips and sound agree",
    )
    add("--gate", choices=get_args(Gate), help="compare lips and sound on other frames than in training")
    add("--name", help="what the results are called (default: the name of their folder)")
    add("--out", metavar="DIR", help="for everything that is found (default: runs/evaluate/CORPUS)")
    add("--device", help=options.DEVICE)
    add("--seed", type=int, help="of resampling, segments and swaps (default: 0)")
    _add_videos(_without_defaults(parser.add_argument_group("which videos")))
    _add_intervals(_without_defaults(parser.add_argument_group("95 % intervals")))
    _add_detection(_without_defaults(parser.add_argument_group("detection")))
    _add_synchrony(_without_defaults(parser.add_argument_group("synchrony")))


def _add_videos(add: Callable[..., object]) -> None:
    add("--split", help="only videos whose `split` is this; with --split-file: its part (default: test)")
    add("--split-file", metavar="FILE", help="a split by `npvf corpora split`, in place of what the videos say")
    add("--identities", nargs="+", metavar="NAME", help="only videos that show or use these people")
    add("--include", nargs="+", metavar="PATTERN", help="only videos of such a name")
    add("--exclude", nargs="+", metavar="PATTERN", help="no videos of such a name")
    add("--part", choices=get_args(Part), help="a part of the division by hash that training makes")
    add("--held-out", type=float, metavar="SHARE", help="the share of `val` in it")


def _add_intervals(add: Callable[..., object]) -> None:
    add("--bootstrap", type=int, metavar="N", help="resamples; 0: none (default: 1000)")
    add(
        "--group",
        choices=get_args(Grouping),
        help="what is resampled; auto: identities where all are known, else source videos (default: auto)",
    )


def _add_detection(add: Callable[..., object]) -> None:
    add(
        "--refused",
        choices=get_args(Refusal),
        help="how `AUC of all videos` scores those not judged: 0.5, the worst for their label; or no such figure "
        "(default: half)",
    )
    add(
        "--silence",
        choices=get_args(Silence),
        help="judge clips with the silence they begin with, without it, or both ways (default: both)",
    )
    add(
        "--segments-per-clip",
        type=int,
        metavar="N",
        help="judge at most so many segments of 0.96 s of each clip, spread evenly (default: all)",
    )
    add("--threshold", type=float, metavar="P", help="fake from this probability on (default: the detector's own)")
    add(
        "--shortcuts",
        action=argparse.BooleanOptionalAction,
        help="say what file size, silence and the like alone are worth, as `npvf audit` does (default: yes)",
    )
    add("--plots", action=argparse.BooleanOptionalAction, help="draw ROC, DET and calibration (default: yes)")


def _add_synchrony(add: Callable[..., object]) -> None:
    add("--segments", type=int, help="N of retrieval R@1 (default: 60)")
    add(
        "--swap-reach",
        type=int,
        metavar="FRAMES",
        help="how far a true or swapped sound is moved to fit best; recordings in the wild lag by up to 7 (default: 2)",
    )
    add(
        "--baseline",
        action=argparse.BooleanOptionalAction,
        help="also measure lip aperture against sound energy, which learns nothing (default: yes)",
    )


def _without_defaults(parser: Any) -> Callable[..., object]:
    def add(*names: str, **options: Any) -> object:
        return parser.add_argument(*names, default=argparse.SUPPRESS, **options)

    return add
