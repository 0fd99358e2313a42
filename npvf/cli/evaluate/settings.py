"""The settings of `npvf evaluate`: the keys of a configuration file, each of which is also a flag."""

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
# Keys that only some protocols use.
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
    """The settings of one run; `add_arguments` describes each key."""

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
        """Check the values. Raises NpvfError if a number is out of range, or if two keys exclude each other."""
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
                raise NpvfError(f"{name} is {value}; it must lie between {low} and {high}")
        if sum(folder is not None for folder in (self.detector, self.pretrained, self.localizer)) > 1:
            raise NpvfError("give only one of --detector, --pretrained and --localizer")
        if (self.measures == "localization") != (self.localizer is not None):
            raise NpvfError("the protocol localization needs --localizer DIR, and a localizer allows no other protocol")
        if self.gate and self.detector:
            raise NpvfError("--gate needs --pretrained: a detector can only use the gate that it was trained with")
        if self.measures == "detection" and not (self.detector or self.pretrained):
            raise NpvfError("the protocol detection needs --detector DIR (from fine-tuning) or --pretrained DIR")
        defaults = {field.name: field.default for field in fields(self)}
        unread = [k for k, by in READ_BY.items() if self.measures not in by and getattr(self, k) != defaults[k]]
        if unread:
            raise NpvfError(f"the protocol {self.measures} does not use {', '.join(unread)}: remove it")

    @property
    def measures(self) -> Protocol:
        """The protocol: the given one, or else the one that fits the model."""
        if self.protocol is None and self.localizer:
            return "localization"
        return self.protocol or ("detection" if self.detector else "synchrony")

    @property
    def folder(self) -> Path:
        """The folder for the results."""
        return Path(self.out) if self.out else Path("runs/evaluate") / Path(self.corpus).resolve().name

    @property
    def intervals(self) -> Bootstrap:
        """The bootstrap that makes the confidence intervals."""
        return Bootstrap(self.bootstrap, self.seed)

    def selection(self, label: Label) -> Selection:
        """The videos to evaluate."""
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
        """Return all keys, with lists instead of tuples."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def to_yaml(self) -> str:
        """Return a configuration file with all values, so that later defaults do not change it."""
        head = "# npvf evaluate --config FILE repeats this run.\n"
        return head + yaml.safe_dump(self.to_json(), sort_keys=False, allow_unicode=True)

    @classmethod
    def of(cls, args: argparse.Namespace) -> EvaluateSettings:
        """Read the file, then the flags, which take precedence. Raises NpvfError like `read_settings`."""
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in vars(args).items() if k in cls.__slots__}
        # A model given by a flag replaces the model of the file, of whichever family.
        if given.keys() & {"detector", "pretrained", "localizer"}:
            given = {"detector": None, "pretrained": None, "localizer": None, **given}
        return read_settings(cls, args.config, given)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags. They have no defaults here: a flag that is not given must not override the file."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="a YAML file with any of these keys, as in configs/evaluate; flags override it",
    )
    add = _without_defaults(parser)
    add("corpus", nargs="?", help="a folder made by `npvf prepare`")
    what = _without_defaults(parser.add_mutually_exclusive_group())
    what(
        "--detector",
        metavar="DIR",
        help="a detector folder, or a baseline (silence, mouth_energy): measure detection",
    )
    what("--pretrained", metavar="DIR", help="an encoder folder: measure synchrony of lips and audio")
    what("--localizer", metavar="DIR", help="a localizer folder: measure how well it finds forged pixels")
    add(
        "--protocol",
        choices=get_args(Protocol),
        help="default: detection for --detector, localization for --localizer, synchrony for --pretrained; with "
        "detection, an encoder is scored by the agreement of lips and audio",
    )
    add("--gate", choices=get_args(Gate), help="compare lips and audio on other frames than in training")
    add("--name", help="the name of the results (default: the name of their folder)")
    add("--out", metavar="DIR", help="the folder for the results (default: runs/evaluate/CORPUS)")
    add("--device", help=options.DEVICE)
    add("--seed", type=int, help="random seed of resamples, segments and swaps (default: 0)")
    _add_videos(_without_defaults(parser.add_argument_group("which videos")))
    _add_intervals(_without_defaults(parser.add_argument_group("95 % intervals")))
    _add_detection(_without_defaults(parser.add_argument_group("detection")))
    _add_synchrony(_without_defaults(parser.add_argument_group("synchrony")))


def _add_videos(add: Callable[..., object]) -> None:
    add("--split", help="only videos of this split (default: all; with --split-file: test)")
    add(
        "--split-file",
        metavar="FILE",
        help="a split file from `npvf corpora split`, instead of the splits in the corpus",
    )
    add("--identities", nargs="+", metavar="NAME", help="only videos that show or use these people")
    add("--include", nargs="+", metavar="PATTERN", help="only videos with such names")
    add("--exclude", nargs="+", metavar="PATTERN", help="no videos with such names")
    add("--part", choices=get_args(Part), help="only the part that training used as train or val, divided by hash")
    add("--held-out", type=float, metavar="SHARE", help="the share of `val` in that division, as in training")


def _add_intervals(add: Callable[..., object]) -> None:
    add("--bootstrap", type=int, metavar="N", help="bootstrap resamples; 0: no intervals (default: 1000)")
    add(
        "--group",
        choices=get_args(Grouping),
        help="the unit of resampling; auto: identities if all are known, else source videos (default: auto)",
    )


def _add_detection(add: Callable[..., object]) -> None:
    add(
        "--refused",
        choices=get_args(Refusal),
        help="score of abstentions in the AUC of all videos: half (0.5), worst (wrong side), or drop (no such AUC) "
        "(default: half)",
    )
    add(
        "--silence",
        choices=get_args(Silence),
        help="judge clips with their leading silence, without it, or both (default: both)",
    )
    add(
        "--segments-per-clip",
        type=int,
        metavar="N",
        help="judge at most N segments of 0.96 s of each clip, spread evenly (default: all)",
    )
    add("--threshold", type=float, metavar="P", help="threshold of the probability of fake (default: the detector's)")
    add(
        "--shortcuts",
        action=argparse.BooleanOptionalAction,
        help="also measure the AUC of file size, silence and the like, as `npvf audit` does (default: yes)",
    )
    add(
        "--plots", action=argparse.BooleanOptionalAction, help="draw the ROC, DET and calibration curves (default: yes)"
    )


def _add_synchrony(add: Callable[..., object]) -> None:
    add("--segments", type=int, help="number of segments to retrieve from, for R@1 (default: 60)")
    add(
        "--swap-reach",
        type=int,
        metavar="FRAMES",
        help="largest offset tried when true and swapped audio are compared with lips; recordings in the wild are off "
        "by up to 7 frames (default: 2)",
    )
    add(
        "--baseline",
        action=argparse.BooleanOptionalAction,
        help="also measure an untrained baseline: lip aperture against audio energy (default: yes)",
    )


def _without_defaults(parser: Any) -> Callable[..., object]:
    def add(*names: str, **options: Any) -> object:
        return parser.add_argument(*names, default=argparse.SUPPRESS, **options)

    return add
