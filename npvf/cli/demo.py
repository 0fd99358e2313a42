"""`npvf demo`: the whole way on the embedded corpus, by the same commands that a user would type.

Two corpora are made: real talking heads of some people to pre-train on, and clips of all people to forge. People are
disjoint between train, validation and test; nothing is seen of the test people before the end.
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from npvf.cli.main import main as npvf
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.io.files import config_path, write_json

# People by number: eight to learn from, three to validate and calibrate on, five to test on.
TRAIN, VAL, TEST = "0-7", "8-10", "11-15"
KINDS = ("sound_swap", "sound_shift", "calibrated")  # for lips against sound
PICTURE_KINDS = ("mouth_reanimated",)  # for forged pixels; more kinds would learn better and take longer
# Nothing to forget: the towers learn at the head's rate.
FROM_SCRATCH = ("--model.encoder", "null", "--model.backbone_lr", "1e-3")
# 180 steps: masks of the right shape (docs/results.md), in the time that a demo has.
BRIEFLY = ("--trainer.max_epochs", 10, "--trainer.check_val_every_n_epoch", 10)
# So few steps are for the one kind of forgery that is shown; many kinds at once want many.
OF_ONE_KIND = ("--data.self_blended", "false", "--data.batch_size", 8, "--data.augment.h264", 0)
DEMO_CONFIGS = {
    "pretrain": "pretrain/nano_synth.yaml",
    "finetune": "finetune/nano_synth.yaml",
    "localize": "finetune/stddl_nano.yaml",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="a new folder (default: runs/demo)")
    parser.add_argument("--seed", type=int, default=0, help="of every step (default: 0)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--clips", type=int, default=56, help="real clips to pre-train on (default: 56)")
    parser.add_argument("--forged-clips", type=int, default=32, help="real clips to forge (default: 32)")


def run(args: argparse.Namespace) -> int:
    """Go the whole way, print a small table, and leave `metrics.json` and `report.html` in `--out`."""
    if args.out.exists() and any(args.out.iterdir()):
        raise NpvfError(f"{args.out} is not empty: remove it, or name another folder with --out")
    demo = Demo(args.out, args.out, args.seed, args.workers)
    with demo.step("synth"):
        demo.synth(args.clips, args.forged_clips)
    with demo.step("prepare"):
        demo.npvf("prepare", demo.corpora / "speech", demo.corpora / "prepared-speech", "--workers", demo.workers)
    with demo.step("pretrain"):
        demo.pretrain()
    with demo.step("forge"):
        demo.forge()
    with demo.step("finetune"):
        demo.finetune()
    with demo.step("finetune_from_scratch"):
        demo.finetune_from_scratch()
    with demo.step("evaluate"):
        demo.evaluate()
    with demo.step("localize"):
        demo.localize()
    with demo.step("fuse"):
        demo.fuse()
    with demo.step("detect"):
        demo.detect()
    metrics = demo.metrics() | demo.localization_metrics()
    write_json(args.out / "metrics.json", metrics)
    _print(metrics, args.out)
    return 0


@dataclass
class Demo:
    """Where the corpora lie and where results go, settings and times."""

    corpora: Path
    out: Path
    seed: int
    workers: int
    seconds: dict[str, float] = field(default_factory=dict)
    console: Console = field(default_factory=Console)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step."""
        start = time.perf_counter()
        self.console.rule(name)
        yield
        self.seconds[name] = round(time.perf_counter() - start, 1)

    def npvf(self, *words: object, accept: Sequence[int] = (0,)) -> None:
        """Show a command and run it.

        Raises:
            NpvfError: it ends with another status than those accepted.
        """
        argv = [str(word) for word in words]
        self.console.print(f"$ npvf {shlex.join(argv)}", style="bold", highlight=False, markup=False)
        status = npvf(argv)
        if status not in accept:
            raise NpvfError(f"npvf {argv[0]} ended with status {status}: the demo stops here")

    def synth(self, clips: int, forged_clips: int) -> None:
        """Speech of the train people, without labels; and clips of everybody, in three parts, to forge."""
        options = ("--workers", self.workers, "--seed")
        self.npvf("synth", self.corpora / "speech", "--clips", clips, "--people", TRAIN, *options, 2 * self.seed)
        parts = ("--split", f"train={TRAIN}", "--split", f"val={VAL}", "--split", f"test={TEST}")
        self.npvf("synth", self.corpora / "real", "--clips", forged_clips, *parts, *options, 2 * self.seed + 1)

    def pretrain(self) -> None:
        """Stage 1, and how well the encoder follows test people."""
        self._fit("pretrain", "pretrain")

    def forge(self) -> None:
        """Forgeries of each kind and a copy of each clip, all through one encoder, and prepare them."""
        real, forged, workers = self.corpora / "real", self.corpora / "forged", ("--workers", self.workers)
        kinds = ",".join((*KINDS, *PICTURE_KINDS))
        self.npvf("forge", real, forged, "--kinds", kinds, "--copies", *workers, "--seed", self.seed)
        self.npvf("prepare", forged, self.corpora / "prepared-forged", *workers)

    def finetune(self) -> None:
        """Stage 2 from the encoder."""
        self._finetune("detector", "--model.encoder", self.out / "pretrain" / "encoder")

    def finetune_from_scratch(self) -> None:
        """The same network, data and steps without stage 1."""
        self._finetune("scratch", *FROM_SCRATCH)

    def evaluate(self) -> None:
        """Both detectors and the encoder on people that neither has seen."""
        corpus, split = self.corpora / "prepared-forged", ("--split", "test")
        for name in ("detector", "scratch"):
            folder = self.out / name / "detector"
            others = ("--exclude", *_named(*PICTURE_KINDS), "--out", self.out / "evaluate" / name)
            self.npvf("evaluate", corpus, "--detector", folder, *split, *others)
        encoder = self.out / "pretrain" / "encoder"
        self.npvf("evaluate", corpus, "--pretrained", encoder, *split, "--out", self.out / "evaluate" / "encoder")

    def localize(self) -> None:
        """ST-DDL on forged pictures and their copies, and how well it finds the pixels on people it has not seen."""
        patterns = [*_named("none", *PICTURE_KINDS)]
        self._fit("localize", "localizer", "--data.include", json.dumps(patterns), *BRIEFLY, *OF_ONE_KIND)
        corpus, test = self.corpora / "prepared-forged", ("--split", "test", "--include", *patterns)
        self.npvf("evaluate", corpus, "--localizer", self.localizer, *test, "--out", self.out / "evaluate/localizer")

    def fuse(self) -> None:
        """Both methods in one verdict, weighted on the validation people."""
        both = ("--detector", self.out / "detector" / "detector", "--localizer", self.localizer)
        self.npvf("fuse", self.corpora / "prepared-forged", *both, "--out", self.out / "both")

    def detect(self) -> None:
        """A verdict on one copy and one forgery of each kind, with a report and masks."""
        report = ("--report", self.out / "report.html")
        self.npvf("detect", *self._to_look_at(), "--detector", self.out / "both", *report, accept=(0, 3))

    @property
    def localizer(self) -> Path:
        """The fine-tuned one's folder."""
        return self.out / "localizer" / "localizer"

    def metrics(self) -> dict[str, Any]:
        """What the steps have written, in one place."""
        detector, scratch, encoder = (
            self._read(f"evaluate/{n}/metrics.json") for n in ("detector", "scratch", "encoder")
        )
        synchrony = encoder["model_gated"]
        lines = [
            line for name in ("prepared-speech", "prepared-forged") for line in Corpus(self.corpora / name).manifest
        ]
        return {
            "seed": self.seed,
            "prepare": {
                "clips": sum(len(line["clips"]) for line in lines),
                "refused": sum(line["status"] == "refused" for line in lines),
            },
            "pretrain": {
                "retrieval_r1": synchrony["retrieval_r1"],
                "retrieval_chance": 1 / synchrony["segments"],
                "sync_within_1": synchrony["sync_within_1"],
                "swap_auc": synchrony["swap_auc"],
                "baseline_swap_auc": max(encoder[name]["swap_auc"] for name in ("baseline", "baseline_change")),
            },
            "detect": {
                "auc": detector["auc"],
                "auc_ci": detector["auc_ci"],
                "auc_by_manipulation": {k: v["auc"] for k, v in detector["by_manipulation"].items()},
                "coverage": detector["coverage"],
                "auc_from_scratch": scratch["auc"],
                "auc_from_scratch_ci": scratch["auc_ci"],
                "auc_from_scratch_by_manipulation": {k: v["auc"] for k, v in scratch["by_manipulation"].items()},
            },
            "seconds": self.seconds | {"total": round(sum(self.seconds.values()), 1)},
        }

    def localization_metrics(self) -> dict[str, Any]:
        """What `localize` and `fuse` have written. Pixels: means over forged frames, false alarms over all."""
        found = self._read("evaluate/localizer/metrics.json")
        names = ("auc", "auc_ci", "f1", "iou", "iou_ci", "fpr", "fpr_genuine", "forged_frames", "genuine_frames")
        return {
            "localize": {
                **{f"pixel_{name}": found["pixel"].get(name) for name in names},
                "pixel_iou_by_manipulation": {k: v["pixel"].get("iou") for k, v in found["by_manipulation"].items()},
                "video_auc": found["video"]["auc"],
                "video_auc_ci": found["video"]["auc_ci"],
            },
            "fuse": self._read("both/config.json")["fitted_on"],
        }

    def _finetune(self, name: str, *options: object) -> None:
        self._fit("finetune", name, "--data.exclude", json.dumps([*_named(*PICTURE_KINDS)]), *options)

    def _fit(self, stage: str, name: str, *options: object) -> None:
        first = stage == "pretrain"
        corpus = self.corpora / ("prepared-speech" if first else "prepared-forged")
        run = ("--trainer.default_root_dir", self.out / name, "--seed_everything", self.seed)
        train = ("--config", config_path(DEMO_CONFIGS[stage]), "--data.train", json.dumps([str(corpus)]))
        self.npvf("pretrain" if first else "finetune", "fit", *train, *run, *options)

    def _read(self, name: str) -> Any:
        return json.loads((self.out / name).read_text())

    def _to_look_at(self) -> list[Path]:
        """The first test clip of each kind, copies first."""
        found: dict[str, Path] = {}
        for name in ("detector", "localizer"):
            with (self.out / "evaluate" / name / "scores.csv").open(newline="") as file:
                for row in csv.DictReader(file):
                    found.setdefault(row["manipulation"] or "none", self.corpora / "forged" / row["video"])
        return [found[kind] for kind in ("none", *KINDS, *PICTURE_KINDS) if kind in found]


def _named(*kinds: str) -> Iterator[str]:
    """Patterns of the videos of some kinds."""
    yield from (f"{kind}/*" for kind in kinds)


def _print(metrics: dict[str, Any], out: Path) -> None:
    table = Table("", "result", title="npvf demo: people that no step has seen before")
    pretrain, detect = metrics["pretrain"], metrics["detect"]
    table.add_row("retrieval R@1 (chance)", f"{pretrain['retrieval_r1']:.2f} ({pretrain['retrieval_chance']:.2f})")
    table.add_row("offset found within +-1 frame", f"{pretrain['sync_within_1']:.2f}")
    table.add_row("detection AUC", f"{detect['auc']:.3f} [{detect['auc_ci'][0]:.3f}, {detect['auc_ci'][1]:.3f}]")
    for kind, auc in detect["auc_by_manipulation"].items():
        table.add_row(f"  {kind}", f"{auc:.3f}")
    ends = detect["auc_from_scratch_ci"]
    table.add_row("the same from scratch", f"{detect['auc_from_scratch']:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]")
    localize, fused = metrics["localize"], metrics["fuse"]["auc_fused_held_out"]
    table.add_row("forged pixels, AUC", f"{localize['pixel_auc']:.3f}")
    table.add_row("  IoU, false-positive rate", f"{localize['pixel_iou']:.3f}, {localize['pixel_fpr']:.3f}")
    table.add_row("both methods, AUC on validation people", "too few people" if fused is None else f"{fused:.3f}")
    table.add_row("minutes", f"{metrics['seconds']['total'] / 60:.1f}")
    console = Console()
    console.print(table)
    for name in ("metrics.json", "report.html"):
        console.print(str(out / name), highlight=False)
