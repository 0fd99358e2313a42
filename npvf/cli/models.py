"""`npvf models`: download the face landmark model into the cache, or show where it is."""

from __future__ import annotations

import argparse
from pathlib import Path

from npvf.faces.model_file import SHA256, face_model_path, fetch_face_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: `fetch [--path FILE]` and `show`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    fetch = actions.add_parser("fetch", help="download the model into the cache and check its hash")
    fetch.add_argument("--path", type=Path, help="copy the model from this file instead of downloading it")
    actions.add_parser("show", help="print the path of the model and check its hash")


def run(args: argparse.Namespace) -> int:
    """Fetch the model, or show its path. Raises `NpvfError` if the model is missing or damaged."""
    if args.action == "fetch":
        path, source = fetch_face_model(args.path)
        print(f"face landmark model: {path}\nsource: {source}\nsha256 {SHA256}: correct")
    else:
        print(f"face landmark model: {face_model_path()}\nsha256 {SHA256}: correct")
    return 0
