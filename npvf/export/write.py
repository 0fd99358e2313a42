"""Write a network as ONNX or as a program of torch.export, compare it with the original, and measure it."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from npvf.errors import MissingDependency, NpvfError
from npvf.export.networks import Network

Format = Literal["onnx", "torch"]
SUFFIX: dict[str, str] = {"onnx": ".onnx", "torch": ".pt2"}
TOLERANCE = 1e-4
"""The largest difference of an output from the original; a larger one is an error."""
TRACED = (2, 26)  # clips and frames while tracing: neither 1, which would become a constant, nor a special length
CHECKED = ((1, 24), (3, 77))
MOST_CLIPS, MOST_FRAMES = 1024, 100_000
_TIMED = (1, 250)  # ten seconds of one clip


@dataclass(frozen=True, slots=True)
class Exported:
    """One file, the largest difference of its outputs from the original, and the latencies where they were measured.

    `latency_ms` and `torch_ms` are the medians for one clip of 10 s (for a network without frames: one row).
    """

    path: Path
    size: int
    difference: float
    latency_ms: float | None = None
    torch_ms: float | None = None


def export_network(
    network: Network, folder: Path, file_format: Format = "onnx", benchmark: bool = False, repeats: int = 20
) -> Exported:
    """Write one network into a folder, and check it on random inputs of other sizes than it was traced with.

    Raises:
        MissingDependency: ONNX is asked for, and its packages are not installed.
        NpvfError: an output differs by more than 1e-4.
    """
    path = folder / f"{network.name}{SUFFIX[file_format]}"
    folder.mkdir(parents=True, exist_ok=True)
    program = _traced(network)
    if file_format == "onnx":
        run = _write_onnx(network, program, path)
    else:
        torch.export.save(program, path)
        run = _loaded(path)
    difference = max(_difference(network, run, *sizes) for sizes in CHECKED)
    if not difference <= TOLERANCE:
        raise NpvfError(f"{path} gives other results than the original: they differ by {difference:.1e}. Report this.")
    times: list[float | None] = [None, None]
    if benchmark:
        inputs = network.examples(*_TIMED)
        times = [_latency(call, inputs, repeats) for call in (run, _original(network))]
    return Exported(path, path.stat().st_size, difference, *times)


Run = Callable[[Sequence[Tensor]], list[np.ndarray]]


@torch.no_grad()
def _traced(network: Network) -> Any:
    """Return the program of torch.export, with clips and frames of any number."""
    batch = torch.export.Dim("batch", min=1, max=MOST_CLIPS)
    frames = torch.export.Dim("frames", min=network.least_frames, max=MOST_FRAMES)
    dims: dict[str, Any] = {"batch": batch, "frames": frames, "2*frames": 2 * frames}
    shapes = tuple(
        {n: dims[axis] for n, axis in enumerate(one.axes) if isinstance(axis, str)} for one in network.inputs.values()
    )
    # One entry: the arguments of `forward`, by position.
    return torch.export.export(network.module, network.examples(*TRACED), dynamic_shapes=shapes)


def _write_onnx(network: Network, program: Any, path: Path) -> Run:
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingDependency("exporting to ONNX needs more packages: pip install 'npvf[export]'") from error
    names = list(network.inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside torch.onnx
        made = torch.onnx.export(
            program, dynamo=True, verbose=False, input_names=names, output_names=list(network.outputs)
        )
    assert made is not None  # it is, for a program
    made.save(path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(inputs: Sequence[Tensor]) -> list[np.ndarray]:
        found: list[np.ndarray] = session.run(None, {n: x.numpy() for n, x in zip(names, inputs, strict=True)})
        return found

    return run


def _loaded(path: Path) -> Run:
    module = torch.export.load(path).module()
    return lambda inputs: _arrays(module(*inputs))


def _original(network: Network) -> Run:
    return lambda inputs: _arrays(network.module(*inputs))


def _arrays(outputs: Tensor | tuple[Tensor, ...]) -> list[np.ndarray]:
    return [one.detach().numpy() for one in (outputs if isinstance(outputs, tuple) else (outputs,))]


@torch.no_grad()
def _difference(network: Network, run: Run, batch: int, frames: int) -> float:
    inputs = network.examples(batch, frames, seed=batch)
    pairs = zip(run(inputs), _original(network)(inputs), strict=True)
    return max(float(np.abs(mine - theirs).max()) for mine, theirs in pairs)


@torch.no_grad()
def _latency(run: Run, inputs: Sequence[Tensor], repeats: int) -> float:
    run(inputs)
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run(inputs)
        times.append(time.perf_counter() - begin)
    return 1000 * statistics.median(times)
