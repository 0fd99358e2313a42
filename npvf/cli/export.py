"""`npvf export DETECTOR -o DIR`: the networks of a detector for ONNX Runtime or torch.export."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from npvf.export.networks import clock, networks_of
from npvf.export.write import SUFFIX, Exported, export_network

PREPROCESSING = "preprocessing.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "detector",
        nargs="?",
        metavar="DETECTOR",
        help="shipped weights by name, or a folder (default: the default one)",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="the folder for the files")
    parser.add_argument("--format", choices=sorted(SUFFIX), default="onnx", help="file format (default: %(default)s)")
    parser.add_argument("--benchmark", action="store_true", help="also measure the latency against torch, on this CPU")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.epilog = (
        "Only networks are exported: faces, landmarks and phones come from MediaPipe and hama. preprocessing.json "
        "describes the inputs. Each file is compared with the original; a difference above 1e-4 is an error."
    )


def run(args: argparse.Namespace) -> int:
    """Export all networks, write the description, and print sizes and differences."""
    networks = networks_of(args.detector)
    made = {one.name: export_network(one, args.out, args.format, args.benchmark) for one in networks}
    description = {"clock": clock(), "networks": {one.name: one.describe() for one in networks}}
    (args.out / PREPROCESSING).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    if args.json:
        print(json.dumps([_facts(one) for one in made.values()], indent=2))
        return 0
    table = Table("file", "MB", "largest difference", *(["ms", "ms, torch"] if args.benchmark else []), box=None)
    for one in made.values():
        times = [f"{ms:.2f}" for ms in (one.latency_ms, one.torch_ms) if ms is not None]
        table.add_row(str(one.path), f"{one.size / 1e6:.2f}", f"{one.difference:.1e}", *times)
    Console().print(table)
    print(args.out / PREPROCESSING)
    return 0


def _facts(one: Exported) -> dict[str, object]:
    facts: dict[str, object] = {"path": str(one.path), "bytes": one.size, "largest_difference": one.difference}
    times = {"latency_ms": one.latency_ms, "torch_ms": one.torch_ms}
    return facts | {name: ms for name, ms in times.items() if ms is not None}
