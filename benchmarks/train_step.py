"""Training throughput as a ratio to timm's bare Swin-T that takes as many pictures forward and backward.

    python benchmarks/train_step.py                                             # a CPU: one clip of 24 frames
    python benchmarks/train_step.py --device cuda --bf16 --compile --clips 1 2 4 8 --frames 72 \\
        --models npv_tiny npv_tiny-lfa npv_small npv_nano --data data/prepared --workers 8

Pictures are mouths and faces: a clip of 24 frames has 24 + 6. The sound counts as none; its tower, like the temporal
layers, heads, fusion and losses, is part of "the rest" that ought to be nearly free. A step is forward, all losses and
backward; neither side has its optimiser's step. All models of a batch size take turns, so that a machine that slows
down slows them alike; the ratio is the median over repeats of the ratios within one turn. On a CPU, time is that of
the process: give it one thread. `npv_tiny-lfa` is npv_tiny without LFA, which alone adds 15 % to Swin-T's
multiplications. npv_small and npv_nano look at smaller pictures than Swin-T's: their ratio says what a picture costs,
not what the code loses.

With --keep-memory on or off, nothing is compared: each model takes --repeats steps after a first one, with and without
`npvf.training.memory`, which holds for a whole process, so run each alone:

    python benchmarks/train_step.py --keep-memory on --models npv_nano --clips 8 --frames 72 --repeats 20

With --data, `npvf pretrain` trains on a prepared corpus, streamed from its shards, and each step's wait for its batch
is compared with the step.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any

import timm
import torch
from machine import device_name, report, seconds
from torch import Tensor, nn

from npvf import create_model
from npvf.losses import NPVLosses, NPVObjective
from npvf.models import Batch, InputSpec
from npvf.training.memory import keep_freed_memory

SWIN = "swin_tiny_patch4_window7_224"
SEGMENTS = 8
WITHOUT_LFA = {f"{tower}__lfa": False for tower in ("viseme", "face", "audio")}
Step = Callable[[], Tensor]


def main() -> None:
    """Measure each batch size, then the loader."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["npv_tiny", "npv_nano"])
    parser.add_argument("--clips", type=int, nargs="+", default=[1], help="batch sizes")
    parser.add_argument("--frames", type=int, default=24, help="of a clip")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bf16", action="store_true", help="autocast, both sides")
    parser.add_argument("--compile", action="store_true", help="torch.compile, both sides")
    parser.add_argument("--checkpoint", action="store_true", help="activation checkpointing of the NPV models")
    parser.add_argument("--keep-memory", choices=["on", "off"], help="measure page faults, CPU only")
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="prepared corpora to measure the loader on")
    parser.add_argument("--workers", type=int, default=0, help="of the loader")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    if args.device == "cuda":
        torch.set_float32_matmul_precision("high")
    if args.keep_memory:
        rows = [page_faults(args, name, clips) for name in args.models for clips in args.clips]
        report(rows, args.out / f"keep-memory-{args.keep_memory}-{device_name()}.csv")
        return
    rows = [row for clips in args.clips for row in measure(args, clips)]
    report(rows, args.out / f"train-step-{device_name(args.device)}.csv")
    if args.data:
        rows = [loader_share(args, name, clips) for name in args.models if "-" not in name for clips in args.clips]
        report(rows, args.out / f"train-loader-{device_name(args.device)}.csv")


def measure(args: argparse.Namespace, clips: int) -> list[dict[str, Any]]:
    """One row a model; the first is bare Swin-T."""
    pictures = clips * (args.frames + ceil(args.frames / InputSpec().face_stride))
    steps = {"swin_tiny (timm)": swin_step(args, pictures)} | {m: npv_step(args, m, clips) for m in args.models}
    times: dict[str, list[float]] = {name: [] for name in steps}
    memory = {name: _warm_up(step, args) for name, step in steps.items()}
    for _ in range(args.repeats):
        for name, step in steps.items():
            times[name].append(seconds(step, args.device))
    bare = next(iter(times.values()))
    rows = []
    for name, taken in times.items():
        ratios = [b / t for b, t in zip(bare, taken, strict=True)]
        rows.append(
            {
                "model": name,
                "clips": clips,
                "frames": args.frames,
                "pictures": pictures,
                "precision": "bf16" if args.bf16 else "fp32",
                "compiled": args.compile,
                "checkpointed": args.checkpoint and name in args.models,
                "pictures_per_s": _short(pictures / statistics.median(taken)),
                "ratio": round(statistics.median(ratios), 3),
                "ratio_min": round(min(ratios), 3),
                "ratio_max": round(max(ratios), 3),
                "repeats": args.repeats,
                "threads": torch.get_num_threads(),
                "peak_gb": memory[name],
            }
        )
    return rows


def swin_step(args: argparse.Namespace, pictures: int) -> Step:
    """Bare Swin-T: features of float pictures, their mean as the loss."""
    model = timm.create_model(SWIN, num_classes=0).to(args.device)
    pictures_NCHW = torch.randn(pictures, 3, 224, 224, device=args.device)
    if args.compile:
        model.compile()
    return _training_step(model, lambda: model(pictures_NCHW).float().square().mean(), args)


def npv_step(args: argparse.Namespace, name: str, clips: int) -> Step:
    """An NPV model with its pre-training objective, on bytes, as the loader hands them over."""
    name, _, less = name.partition("-")
    saving = {f"{tower}__checkpoint": args.checkpoint for tower in ("viseme", "face", "audio")}
    model = create_model(name, **saving, **(WITHOUT_LFA if less == "lfa" else {})).to(args.device)
    batch = synthetic_batch(model.config.inputs, clips, args.frames).to(args.device)
    starts_BK = torch.randint(0, args.frames - 23, (clips, SEGMENTS), device=args.device)
    objective = NPVObjective(NPVLosses(gather=False))
    if args.compile:
        for part, module in model.named_children():
            if part.endswith("_tower"):
                module.compile()
    return _training_step(model, lambda: objective(model, batch, starts_BK)["loss"], args)


def _training_step(model: nn.Module, loss: Step, args: argparse.Namespace) -> Step:
    model.train()
    kind = torch.device(args.device).type

    def step() -> Tensor:
        model.zero_grad(set_to_none=True)
        with torch.autocast(kind, torch.bfloat16, enabled=args.bf16):
            value = loss()
        value.backward()
        return value.detach()

    return step


def synthetic_batch(spec: InputSpec, clips: int, frames: int) -> Batch:
    """Noise in the shapes and types of a loader's batch."""
    on_BT = torch.ones(clips, frames, dtype=torch.bool)
    mouth = (clips, frames, spec.mouth_channels, spec.mouth_size, spec.mouth_size)
    face = (clips, ceil(frames / spec.face_stride), spec.face_channels, spec.face_size, spec.face_size)
    names = [f"clip{i}" for i in range(clips)]
    return Batch(
        mouth_BTCHW=torch.randint(0, 256, mouth, dtype=torch.uint8),
        face_BTCHW=torch.randint(0, 256, face, dtype=torch.uint8),
        mel_BTM=torch.randn(clips, 4 * frames, spec.n_mels),
        gate_BT=torch.rand(clips, frames) > 0.3,
        speech_BT=on_BT,
        valid_BT=on_BT,
        forged_BT=~on_BT,
        label_B=torch.zeros(clips, dtype=torch.long),
        start_B=torch.zeros(clips, dtype=torch.long),
        keys=names,
        videos=names,
        identities=[None] * clips,
    )


def page_faults(args: argparse.Namespace, name: str, clips: int) -> dict[str, Any]:
    """CPU seconds, page faults and peak memory of some steps after a first one."""
    if args.keep_memory == "on" and not keep_freed_memory():
        raise SystemExit("this C library has no mallopt: there is nothing to measure")
    step = npv_step(args, name, clips)
    step()
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(args.repeats):
        step()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "model": name,
        "keep_memory": args.keep_memory,
        "clips": clips,
        "frames": args.frames,
        "steps": args.repeats,
        "threads": torch.get_num_threads(),
        "user_s": _short(after.ru_utime - before.ru_utime),
        "system_s": _short(after.ru_stime - before.ru_stime),
        "page_faults": after.ru_minflt - before.ru_minflt,
        "peak_gb": _short(after.ru_maxrss * 1024 / 1e9),
    }


def loader_share(args: argparse.Namespace, name: str, clips: int, steps: int = 8) -> dict[str, Any]:
    """Train for some steps as `npvf pretrain` does and say which share of the time a step waits for its batch."""
    import pytorch_lightning as pl

    from npvf.training.data import Loader, SegmentWindows
    from pretrain.data import TalkingFaces
    from pretrain.module import PretrainModule

    class Clock(pl.Callback):
        """When each step begins and ends; the first two are not counted: workers start, kernels are chosen."""

        def __init__(self) -> None:
            self.waits: list[float] = []
            self.steps: list[float] = []
            self.ended: float | None = None

        def on_train_batch_start(self, *_: Any) -> None:
            self.began = time.perf_counter()
            if self.ended is not None:
                self.waits.append(self.began - self.ended)

        def on_train_batch_end(self, *_: Any) -> None:
            seconds(lambda: None, args.device)  # waits for the device
            self.ended = time.perf_counter()
            self.steps.append(self.ended - self.began)

    clock = Clock()
    folders = [str(folder) for folder in args.data]
    data = TalkingFaces(
        folders,
        windows=SegmentWindows(frames=max(args.frames, 28)),
        loader=Loader(batch_size=clips, cache="stream", steps_per_epoch=steps + 2, workers=args.workers),
    )
    trainer = pl.Trainer(
        accelerator="gpu" if args.device.startswith("cuda") else "cpu",
        devices=1,
        precision="bf16-mixed" if args.bf16 else "32-true",
        max_steps=steps + 2,
        limit_val_batches=0,
        reload_dataloaders_every_n_epochs=1,
        callbacks=[clock],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(PretrainModule(name, compile=args.compile), datamodule=data)
    wait, step = sum(clock.waits[1:]), sum(clock.steps[2:])
    return {
        "model": name,
        "clips": clips,
        "frames": data.clip_frames,
        "steps": len(clock.steps) - 2,
        "workers": args.workers,
        "step_s": _short(step / (len(clock.steps) - 2)),
        "wait_s": _short(wait / (len(clock.steps) - 2)),
        "loader_share": round(wait / (wait + step), 3),
    }


def _warm_up(step: Step, args: argparse.Namespace) -> float | None:
    """Compile and choose kernels; the most memory of a GPU that a step takes, in GB, None on a CPU."""
    if args.device.startswith("cuda"):
        step()
        torch.cuda.reset_peak_memory_stats(args.device)
        step()
        return round(torch.cuda.max_memory_allocated(args.device) / 1e9, 2)
    if args.compile:
        step()
    return None


def _short(value: float) -> float:
    return float(f"{value:.3g}")


if __name__ == "__main__":
    main()
