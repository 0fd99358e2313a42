"""The settings of `npvf evaluate`: each field is a flag and a key of a configuration (`npvf.cli.config_file`)."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import yaml

from npvf.cli import options
from npvf.cli.config_file import add_flags, option, read_settings
from npvf.corpora.splits import part_videos, read_split
from npvf.data.selection import Label, Part, Selection
from npvf.errors import NpvfError
from npvf.evaluate.detection import Grouping, Silence
from npvf.evaluate.outside.detectors import is_outside
from npvf.evaluate.row_metrics import Refusal
from npvf.io.corpus import HasManifest
from npvf.io.urls import is_url
from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.sync_protocol import SWAP_REACH
from npvf.speech.gate import Gate

Protocol = Literal["detection", "segmentation", "synchrony"]
MODELS = ("detector", "pretrained", "localizer", "from_scores")
# Keys that only some protocols use.
READ_BY: dict[str, tuple[Protocol, ...]] = {
    "refused": ("detection",),
    "silence": ("detection",),
    "segments_per_clip": ("detection",),
    "plots": ("detection",),
    "codabench": ("detection",),
    "shortcuts": ("detection",),
    "seen_generators": ("detection",),
    "threshold": ("detection", "segmentation"),
    "prior_from": ("segmentation",),
    "gate": ("detection", "synchrony"),
    "segments": ("synchrony",),
    "swap_reach": ("synchrony",),
    "baseline": ("synchrony",),
}
# Keys that only detectors of npvf use, and keys that only those of others use.
OWN = ("silence", "segments_per_clip", "device")
OUTSIDE = ("time_limit", "workers", "logits")
MANY = 10**7
# Sections of the help.
VIDEOS, CI, DETECTION, SYNCHRONY = "which videos", "95 % intervals", "detection", "synchrony"
OTHERS = "detectors of others (docs/evaluation.md)"


@dataclass(frozen=True, slots=True)
class EvaluateSettings:
    """One run."""

    corpus: str | None = option(
        None,
        "a folder or URL made by `npvf prepare`; for a detector of others, videos as they are: a folder, a .csv list "
        "or, with --reader, a public corpus",
        positional=True,
    )
    detector: str | None = option(
        None,
        "a detector folder, shipped weights by name, or a baseline (silence, mouth_energy): measure detection; or a "
        "detector of others: module:function, their.py:function, or 'cmd: python their.py {video}'",
        metavar="DETECTOR",
    )
    from_scores: str | None = option(
        None,
        "a .csv file with the columns video and score, made by any detector: measure detection; the labels come from "
        "CORPUS or from its column label",
        metavar="FILE",
    )
    pretrained: str | None = option(None, "an encoder folder: measure synchrony of lips and audio", metavar="DIR")
    localizer: str | None = option(
        None,
        "a localizer folder, or the baseline `prior` (the mean mask of other people's training forgeries; it does not "
        "look at the pixels): measure how well it finds forged pixels",
        metavar="DIR",
    )
    prior_from: str | None = option(
        None,
        "a prepared corpus to fit the baseline `prior` on, which is printed beside every localizer; or the folder of a "
        "fitted one (default: the training split of CORPUS, if it has one with masks)",
        metavar="DIR",
    )
    protocol: Protocol | None = option(
        None,
        "default: detection for --detector, segmentation for --localizer, synchrony for --pretrained; with "
        "detection, an encoder is scored by the agreement of lips and audio",
    )
    gate: Gate | None = option(None, "compare lips and audio on other frames than in training")
    name: str | None = option(None, "the name of the results (default: the name of their folder)")
    out: str | None = option(None, "the folder for the results (default: runs/evaluate/CORPUS)", metavar="DIR")
    device: str | None = option(None, options.DEVICE)
    seed: int = option(0, "random seed of resamples, segments and swaps", within=(0, 2**32 - 1), metavar="N")

    split: str | None = option(
        None, "only videos of this split (default: all; with --split-file: test)", section=VIDEOS
    )
    split_file: str | None = option(
        None,
        "a split file from `npvf corpora split`, instead of the splits in the corpus",
        metavar="FILE",
        section=VIDEOS,
    )
    identities: tuple[str, ...] | None = option(
        None, "only videos that show or use these people", metavar="NAME", section=VIDEOS
    )
    include: tuple[str, ...] = option(("*",), "only videos with such names", metavar="PATTERN", section=VIDEOS)
    exclude: tuple[str, ...] = option((), "no videos with such names", metavar="PATTERN", section=VIDEOS)
    part: Part | None = option(
        None, "only the part that training used as train or val, divided by hash", section=VIDEOS
    )
    held_out: float = option(
        0.0, "the share of `val` in that division, as in training", within=(0, 1), metavar="SHARE", section=VIDEOS
    )

    bootstrap: int = option(1000, "bootstrap resamples; 0: no intervals", within=(0, MANY), metavar="N", section=CI)
    group: Grouping = option(
        "auto", "the unit of resampling; auto: identities if all are known, else source videos", section=CI
    )

    threshold: float | None = option(
        None,
        "threshold of the probability of fake (default: that of the detector or localizer)",
        within=(0, 1),
        metavar="P",
        section=DETECTION,
    )
    refused: Refusal | None = option(
        None,
        "score of videos without one in the AUC of all videos: half (0.5), worst (wrong side), or drop (no such AUC); "
        "default: half, and worst for a detector of others",
        section=DETECTION,
    )
    seen_generators: tuple[str, ...] | None = option(
        None,
        "manipulations that training has seen, to be listed apart (default: those of the detector's model card)",
        metavar="NAME",
        section=DETECTION,
    )
    silence: Silence = option(
        "both",
        "judge clips with their leading silence (kept), without it (trimmed), or both",
        section=DETECTION,
    )
    segments_per_clip: int | None = option(
        None,
        "judge at most N segments of 0.96 s of each clip, spread evenly (default: all)",
        within=(1, MANY),
        metavar="N",
        section=DETECTION,
    )
    shortcuts: bool = option(
        True, "also measure the AUC of file size, silence and the like, as `npvf audit` does", section=DETECTION
    )
    plots: bool = option(True, "draw the ROC, DET and calibration curves", section=DETECTION)

    codabench: str | None = option(
        None,
        "score all videos, labelled or not, and write a submission to the 1M-Deepfakes challenges instead of metrics",
        metavar="OUT.zip",
        section=DETECTION,
    )

    reader: str | None = option(
        None, "CORPUS is this public corpus as it is; `npvf corpora` lists the names", metavar="NAME", section=OTHERS
    )
    time_limit: float = option(
        300.0, "seconds for one video; a video that takes longer is a miss", within=(0.1, MANY), section=OTHERS
    )
    workers: int = option(1, "detectors that run at the same time", within=(1, 1000), metavar="N", section=OTHERS)
    logits: bool = option(False, "the scores are log-odds, not probabilities", section=OTHERS)

    segments: int = option(
        60, "number of segments to retrieve from, for R@1", within=(2, MANY), metavar="N", section=SYNCHRONY
    )
    swap_reach: int = option(
        SWAP_REACH,
        "largest offset tried when true and swapped audio are compared with lips; recordings in the wild are off by up "
        "to 7 frames",
        within=(0, 15),
        metavar="FRAMES",
        section=SYNCHRONY,
    )
    baseline: bool = option(
        True, "also measure an untrained baseline: lip aperture against audio energy", section=SYNCHRONY
    )

    def __post_init__(self) -> None:
        """Raises NpvfError if two keys exclude each other, or if the protocol does not read a key that is given."""
        if self.out is not None and is_url(self.out):
            raise NpvfError(f"--out {self.out}: results are written to a folder of this machine")
        if sum(getattr(self, name) is not None for name in MODELS) > 1:
            raise NpvfError("give only one of --detector, --pretrained, --localizer and --from-scores")
        if self.corpus is None and self.from_scores is None:
            raise NpvfError("'corpus' is missing: give it in the file or on the command line")
        if (self.measures == "segmentation") != (self.localizer is not None):
            raise NpvfError("the protocol segmentation needs --localizer DIR, and a localizer allows no other protocol")
        if self.gate and self.detector:
            raise NpvfError("--gate needs --pretrained: a detector can only use the gate that it was trained with")
        if self.measures == "detection" and not (self.detector or self.pretrained or self.from_scores):
            raise NpvfError("the protocol detection needs --detector, --from-scores or --pretrained")
        if self.reader and not self.is_outside:
            raise NpvfError(
                "--reader is for detectors of others: prepare the corpus with `npvf prepare ROOT OUT --corpus`"
            )
        defaults = {field.name: field.default for field in fields(self)}
        unread = [k for k, by in READ_BY.items() if self.measures not in by and getattr(self, k) != defaults[k]]
        if unread:
            raise NpvfError(f"the protocol {self.measures} does not use {', '.join(unread)}: remove it")
        keys, whose = (OWN, "of others") if self.is_outside else (OUTSIDE, "of npvf")
        if unread := [key for key in keys if getattr(self, key) != defaults[key]]:
            raise NpvfError(f"the evaluation of a detector {whose} does not use {', '.join(unread)}: remove it")

    @property
    def measures(self) -> Protocol:
        """The protocol of the run."""
        if self.protocol is None and self.localizer:
            return "segmentation"
        return self.protocol or ("detection" if self.detector or self.from_scores else "synchrony")

    @property
    def is_outside(self) -> bool:
        """True if the scores come from a detector that is not npvf's."""
        return self.from_scores is not None or (self.detector is not None and is_outside(self.detector))

    @property
    def place(self) -> str:
        """The corpus, or the score file that has its own labels."""
        place = self.corpus or self.from_scores
        assert place is not None  # checked at the start
        return place

    @property
    def folder(self) -> Path:
        """The folder for the results."""
        return (
            Path(self.out) if self.out else Path("runs/evaluate") / Path(self.place).resolve().name.removesuffix(".csv")
        )

    @property
    def intervals(self) -> Bootstrap:
        """The bootstrap that makes the intervals."""
        return Bootstrap(self.bootstrap, self.seed)

    def selection(self, label: Label, corpus: HasManifest) -> Selection:
        """The videos of a corpus to evaluate."""
        splits = [read_split(self.split_file)] if self.split_file else []
        return Selection(
            label=label,
            split=None if splits else self.split,
            videos=part_videos(splits, self.split or "test", [corpus]) if splits else None,
            identities=frozenset(self.identities) if self.identities else None,
            include=self.include,
            exclude=self.exclude,
            part=self.part,
            held_out=self.held_out,
        )

    def to_json(self) -> dict[str, Any]:
        """Every key; lists for tuples."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def to_yaml(self) -> str:
        """A configuration of the same run, also if defaults change later."""
        head = "# npvf evaluate --config FILE repeats this run.\n"
        return head + yaml.safe_dump(self.to_json(), sort_keys=False, allow_unicode=True)

    @classmethod
    def of(cls, args: argparse.Namespace) -> EvaluateSettings:
        """Read the file, then the flags, which take precedence. Raises NpvfError like `read_settings`."""
        given = {name: value for name, value in vars(args).items() if name in cls.__slots__}
        if given.keys() & set(MODELS):  # a model given by a flag replaces the model of the file
            given = dict.fromkeys(MODELS) | given
        return read_settings(cls, args.config, given)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="a YAML file with any of these keys, as in configs/evaluate; flags override it",
    )
    add_flags(parser, EvaluateSettings)
