"""`npvf models`: bring the face landmark model into the cache, or show where it lies."""

from __future__ import annotations

import argparse
from pathlib import Path

from npvf.faces.model_file import SHA256, face_model_path, fetch_face_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`fetch [--path FILE]` and `show`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    fetch = actions.add_parser("fetch", help="put the model into the cache and check its hash")
    fetch.add_argument("--path", type=Path, help="take this file and download nothing")
    actions.add_parser("show", help="say where the model lies, and check its hash")


def run(args: argparse.Namespace) -> int:
    """Fetch or show. A model that is missing or damaged raises `NpvfError`."""
    if args.action == "fetch":
        path, source = fetch_face_model(args.path)
        print(f"face landmark model: {path}\nserved by: {source}\nsha256 {SHA256}: right")
    else:
        print(f"face landmark model: {face_model_path()}\nsha256 {SHA256}: right")
    return 0
