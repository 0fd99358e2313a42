"""Measure what each input of an encoder is worth: the paper's pixels and mel, geometry, phones, alone and together.

    python benchmarks/streams.py --train DATA... --test DATA... [--exclude PATTERN...] [--cpu 120] [--seeds 3]

Each combination of inputs is trained anew for each seed on the same corpora, for the same CPU time in place of the
same steps: a step with pixels costs as much as several without. The number of steps follows from the time of the first
ones. The clips of a combination are read once for all seeds. Scores are those of `npvf evaluate --pretrained`, on all
frames: is a clip's own audio preferred to another clip's (swap) and to its own at another time (shift)? The test clips
must be of people and recordings that are not in `--train`.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import device_name, report
from pytorch_lightning import Callback, Trainer, seed_everything

from npvf.losses import NPVLosses
from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.sync_embeddings import FramewiseFeatures
from npvf.metrics.sync_protocol import Settings, measure_synchrony
from npvf.training.data import Loader, SegmentWindows
from npvf.training.memory import keep_freed_memory
from pretrain import PretrainModule, TalkingFaces
from pretrain.data import RealClips

# Name -> model, inputs of the picture's and of the audio's tower. The paper's model has a third stream, the face's.
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "pixels, face; mel (the paper's)": ("npv_nano", {}),
    "pixels; mel": ("npv_nano_lips", {"inputs__picture": ["pixels"], "inputs__sound": ["mel"]}),
    "pixels; phones": ("npv_nano_lips", {"inputs__picture": ["pixels"], "inputs__sound": ["phones"]}),
    "geometry; mel": ("npv_nano_lips", {"inputs__picture": ["geometry"], "inputs__sound": ["mel"]}),
    "geometry; phones": ("npv_lips", {}),
    "pixels, geometry; mel, phones": ("npv_nano_lips", {}),
}
FIGURES = ("swap_auc", "shift_auc", "retrieval_r1", "halves_agree")
TRIED = 4  # steps that are timed, the first one apart


def main() -> None:
    """Train and measure every row, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", nargs="+", required=True)
    parser.add_argument("--test", nargs="+", required=True)
    parser.add_argument("--exclude", nargs="*", default=[], help="videos of --train that are not trained on")
    parser.add_argument("--cpu", type=float, default=120.0, help="CPU seconds of each training (default: 120)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--swap-reach", type=int, default=7, help="as of npvf evaluate (default: 7)")
    parser.add_argument("--rows", nargs="+", type=int, default=range(len(ROWS)), help="numbers of rows (default: all)")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    keep_freed_memory()
    warnings.filterwarnings("ignore")
    rows: list[dict[str, Any]] = []
    for name in [name for number, name in enumerate(ROWS) if number in args.rows]:
        windows, loader = SegmentWindows(segments=6), Loader(batch_size=16, cache="memory")
        data = TalkingFaces(args.train, args.test, RealClips(exclude=args.exclude), windows, loader=loader)
        rows.append(_of_row(name, data, args.cpu, args.seeds, args.swap_reach))
        report(rows, args.out / f"streams-{device_name()}.csv")


def _of_row(name: str, data: TalkingFaces, cpu: float, seeds: int, reach: int) -> dict[str, Any]:
    """Train one combination with every seed. Return the mean of each figure, and those of the seeds."""
    clock = StepClock()
    _fit(_module(name, 0), data, TRIED, clock)
    steps = max(TRIED, round(cpu / clock.seconds))
    runs = []
    for seed in range(seeds):
        data.seed, module = seed, _module(name, seed)
        _fit(module, data, steps)
        runs.append(_measured(module, data, reach))
        print(name, seed, steps, {figure: round(value, 3) for figure, value in runs[-1].items()}, flush=True)
    row: dict[str, Any] = {"inputs": name, "steps": steps, "clips": runs[0].pop("clips")}
    for figure in FIGURES:
        values = [round(run[figure], 3) for run in runs]
        row[figure] = f"{np.mean(values):.3f} ({' '.join(f'{value:.3f}' for value in values)})"
    return row


def _module(name: str, seed: int) -> PretrainModule:
    """Return a fresh network."""
    seed_everything(seed, verbose=False)
    model, overrides = ROWS[name]
    losses = NPVLosses(info_weight=0) if model == "npv_nano" else NPVLosses(cor_weight=0, info_weight=0)
    return PretrainModule(model=model, model_args=overrides, objective=losses, seed=seed)


class StepClock(Callback):
    """CPU seconds of a step, the mean over all but the first."""

    seconds = 0.0

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, number: int) -> None:
        """Start after the first step; keep the mean so far."""
        if number == 0:
            self._began = time.process_time()
        else:
            self.seconds = (time.process_time() - self._began) / number


def _fit(module: PretrainModule, data: TalkingFaces, steps: int, *callbacks: Callback) -> None:
    data.steps_per_epoch = steps
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        limit_val_batches=0,
        gradient_clip_val=1.0,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, datamodule=data)


@torch.no_grad()
def _measured(module: PretrainModule, data: TalkingFaces, reach: int) -> dict[str, float]:
    """Return the figures of all frames of the test clips, and their number."""
    model = module.model.eval()
    viseme, audio, gate, who = [], [], [], []
    for batch in data.val_dataloader():
        projections = model.project(model.encode(batch))
        for row, length in enumerate(batch.valid_BT.sum(1).tolist()):
            viseme.append(projections.viseme[row, :length])
            audio.append(projections.audio[row, :length])
            gate.append(torch.ones(length, dtype=torch.bool))
            who.append(batch.identities[row])
    settings = Settings(swap_reach=reach, bootstrap=Bootstrap(n=0))
    found = measure_synchrony(FramewiseFeatures(viseme, audio, gate), who, settings=settings)
    return {"clips": found.clips, **{figure: found.estimates[figure].value for figure in FIGURES}}


if __name__ == "__main__":
    main()
