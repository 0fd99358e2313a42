"""`npvf demo`: run the whole pipeline on the synthetic corpus, with the commands that a user would type.

The demo makes two corpora: real talking heads of the training people for pre-training, and clips of all people to make
forgeries from. Train, validation and test have different people; no training step uses the test people. If npvf ships
a detector, the demo begins with its verdict on two clips.
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
from npvf.weights import DEFAULT, shipped_folder

# People by number: eight for training, three for validation and calibration, five for the test.
TRAIN, VAL, TEST = "0-7", "8-10", "11-15"
FIRST_LOOK, FIRST_KIND = "11-12", "sound_shift"  # what the shipped detector judges first
KINDS = ("sound_swap", "sound_shift", "calibrated")  # for the audio-visual detector
PICTURE_KINDS = ("mouth_reanimated",)  # for the localizer; more kinds would train better and take longer
# Without a pre-trained encoder to preserve, the towers use the learning rate of the head.
FROM_SCRATCH = ("--model.encoder", "null", "--model.optim.backbone_lr", "1e-3")
# Some 160 steps give masks of the right shape (docs/results.md) within the time of a demo.
BRIEFLY = ("--trainer.max_epochs", 9, "--trainer.check_val_every_n_epoch", 9)
# So few steps suffice for one kind of forgery; self-blended samples and augmentation would need more.
OF_ONE_KIND = ("--data.self_blended", "false", "--data.loader.batch_size", 8, "--data.augment.h264", 0)
DEMO_CONFIGS = {
    "pretrain": "pretrain/nano_synth.yaml",
    "finetune": "finetune/nano_synth.yaml",
    "localize": "finetune/stddl_nano.yaml",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--out", type=Path, default=Path("runs/demo"), help="a new folder for all results (default: runs/demo)"
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed of all steps (default: 0)")
    parser.add_argument("--workers", type=int, default=2, help="number of processes (default: 2)")
    parser.add_argument("--clips", type=int, default=56, help="real clips for pre-training (default: 56)")
    parser.add_argument("--forged-clips", type=int, default=32, help="real clips to make forgeries from (default: 32)")


def run(args: argparse.Namespace) -> int:
    """Run all steps, print a table, and write `metrics.json` and `report.html` to `--out`."""
    if args.out.exists() and any(args.out.iterdir()):
        raise NpvfError(f"{args.out} is not empty: remove it, or choose another folder with --out")
    demo = Demo(args.out, args.out, args.seed, args.workers)
    if shipped_folder(DEFAULT):
        with demo.step("first_look"):
            demo.first_look()
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
    """The steps of the demo, with the folders of corpora and results, the settings, and the time of each step."""

    corpora: Path
    out: Path
    seed: int
    workers: int
    seconds: dict[str, float] = field(default_factory=dict)
    console: Console = field(default_factory=Console)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Print the name of a step and measure its time."""
        start = time.perf_counter()
        self.console.rule(name)
        yield
        self.seconds[name] = round(time.perf_counter() - start, 1)

    def npvf(self, *words: object, accept: Sequence[int] = (0,)) -> None:
        """Print a command and run it.

        Raises:
            NpvfError: the exit status of the command is not in `accept`.
        """
        argv = [str(word) for word in words]
        self.console.print(f"$ npvf {shlex.join(argv)}", style="bold", highlight=False, markup=False)
        status = npvf(argv)
        if status not in accept:
            raise NpvfError(f"npvf {argv[0]} ended with status {status}: the demo stops here")

    def first_look(self) -> None:
        """Judge a genuine clip and a forgery with the detector that npvf ships, before anything is trained."""
        real, forged = self.out / "first-look" / "real", self.out / "first-look" / "forged"
        self.npvf("synth", real, "--clips", 2, "--people", FIRST_LOOK, "--seed", self.seed)
        self.npvf("forge", real, forged, "--kinds", FIRST_KIND, "--copies", "--seed", self.seed)
        copy, forgery = (_first_clip(forged / kind) for kind in ("none", FIRST_KIND))
        report = ("--report", self.out / "first-look" / "report.html")
        self.npvf("detect", copy, forgery, *report, accept=(0, 3))

    def synth(self, clips: int, forged_clips: int) -> None:
        """Render unlabelled clips of the training people, and clips of all people in three splits for the forgeries."""
        options = ("--workers", self.workers, "--seed")
        self.npvf("synth", self.corpora / "speech", "--clips", clips, "--people", TRAIN, *options, 2 * self.seed)
        parts = ("--split", f"train={TRAIN}", "--split", f"val={VAL}", "--split", f"test={TEST}")
        self.npvf("synth", self.corpora / "real", "--clips", forged_clips, *parts, *options, 2 * self.seed + 1)

    def pretrain(self) -> None:
        """Run stage 1, the pre-training."""
        self._fit("pretrain", "pretrain")

    def forge(self) -> None:
        """Make forgeries of each kind and a copy of each clip, all with one encoder, and prepare them."""
        real, forged, workers = self.corpora / "real", self.corpora / "forged", ("--workers", self.workers)
        kinds = ",".join((*KINDS, *PICTURE_KINDS))
        self.npvf("forge", real, forged, "--kinds", kinds, "--copies", *workers, "--seed", self.seed)
        self.npvf("prepare", forged, self.corpora / "prepared-forged", *workers)

    def finetune(self) -> None:
        """Run stage 2, starting from the pre-trained encoder."""
        self._finetune("detector", "--model.encoder", self.out / "pretrain" / "encoder")

    def finetune_from_scratch(self) -> None:
        """Run stage 2 with the same network, data and steps, but without pre-training."""
        self._finetune("scratch", *FROM_SCRATCH)

    def evaluate(self) -> None:
        """Evaluate both detectors and the encoder on the test people."""
        corpus, split = self.corpora / "prepared-forged", ("--split", "test")
        for name in ("detector", "scratch"):
            folder = self.out / name / "detector"
            others = ("--exclude", *_named(*PICTURE_KINDS), "--out", self.out / "evaluate" / name)
            self.npvf("evaluate", corpus, "--detector", folder, *split, *others)
        encoder = self.out / "pretrain" / "encoder"
        self.npvf("evaluate", corpus, "--pretrained", encoder, *split, "--out", self.out / "evaluate" / "encoder")

    def localize(self) -> None:
        """Train ST-DDL on clips with forged pixels and their copies, and evaluate it on the test people."""
        patterns = [*_named("none", *PICTURE_KINDS)]
        self._fit("localize", "localizer", "--data.clips.include", json.dumps(patterns), *BRIEFLY, *OF_ONE_KIND)
        corpus, test = self.corpora / "prepared-forged", ("--split", "test", "--include", *patterns)
        self.npvf("evaluate", corpus, "--localizer", self.localizer, *test, "--out", self.out / "evaluate/localizer")

    def fuse(self) -> None:
        """Combine detector and localizer, with weights fitted on the validation people.

        One kind of forgery that each of the two finds is enough for two weights, and saves half of the time.
        """
        both = ("--detector", self.out / "detector" / "detector", "--localizer", self.localizer)
        kinds = ("--exclude", "calibrated/*", "sound_shift/*")
        self.npvf("fuse", self.corpora / "prepared-forged", *both, *kinds, "--out", self.out / "both")

    def detect(self) -> None:
        """Judge one copy and one forgery of each kind, with a report and masks."""
        report = ("--report", self.out / "report.html")
        self.npvf("detect", *self._to_look_at(), "--detector", self.out / "both", *report, accept=(0, 3))

    @property
    def localizer(self) -> Path:
        """The folder of the trained localizer."""
        return self.out / "localizer" / "localizer"

    def metrics(self) -> dict[str, Any]:
        """Collect the figures that the steps have written."""
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
        """Collect the figures of `localize` and `fuse`: pixel metrics are means over forged frames, `fpr` over all."""
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
        self._fit("finetune", name, "--data.clips.exclude", json.dumps([*_named(*PICTURE_KINDS)]), *options)

    def _fit(self, stage: str, name: str, *options: object) -> None:
        first = stage == "pretrain"
        corpus = self.corpora / ("prepared-speech" if first else "prepared-forged")
        run = ("--trainer.default_root_dir", self.out / name, "--seed_everything", self.seed)
        train = ("--config", config_path(DEMO_CONFIGS[stage]), "--data.train", json.dumps([str(corpus)]))
        self.npvf("pretrain" if first else "finetune", "fit", *train, *run, *options)

    def _read(self, name: str) -> Any:
        return json.loads((self.out / name).read_text(encoding="utf-8"))

    def _to_look_at(self) -> list[Path]:
        """Return the first test clip of each kind, beginning with a copy."""
        found: dict[str, Path] = {}
        for name in ("detector", "localizer"):
            with (self.out / "evaluate" / name / "scores.csv").open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    found.setdefault(row["manipulation"] or "none", self.corpora / "forged" / row["video"])
        return [found[kind] for kind in ("none", *KINDS, *PICTURE_KINDS) if kind in found]


def _first_clip(folder: Path) -> Path:
    clips = sorted(folder.rglob("*.mp4"))
    if not clips:
        raise NpvfError(f"{folder} has no clip: see forge.jsonl beside it for the reason")
    return clips[0]


def _named(*kinds: str) -> Iterator[str]:
    """Name patterns for the videos of some kinds."""
    yield from (f"{kind}/*" for kind in kinds)


def _print(metrics: dict[str, Any], out: Path) -> None:
    table = Table("", "result", title="npvf demo: results on people that were not used for training")
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
