"""`npvf verify BUNDLE`: check that a bundle of `npvf detect --bundle` is what its manifest lists."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from npvf.report.bundle import Checked, check_bundle
from npvf.report.stamp import Stamp

DIFFERS = 1
EXPLANATION = """\
The manifest lists the SHA-256 of every file in the bundle and of every input video. The check finds a change of any of
them, unless somebody made the manifest anew: compare the hash of the manifest that is printed with the one that npvf
detect printed, or have the manifest stamped by an authority (npvf detect --timestamp).

exit status: 0 everything is as listed; 1 something differs, is missing or was added (each is printed); 2 the bundle or
a video cannot be read.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("bundle", type=Path, metavar="CASE.zip", help="a file that npvf detect --bundle wrote")
    parser.add_argument(
        "--video",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="check that this file is an input of the bundle; can be given several times",
    )
    parser.add_argument(
        "--trust",
        type=Path,
        metavar="FILE.pem",
        help="certificates of time stamping authorities that are trusted (default: the signature is not checked)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXPLANATION


def run(args: argparse.Namespace) -> int:
    """Check the bundle, print, and return the exit status: 0 if nothing differs, else 1."""
    found = check_bundle(args.bundle, args.video, args.trust)
    if args.json:
        print(json.dumps(asdict(found), indent=2, ensure_ascii=False))
    else:
        _print(found)
    return DIFFERS if found.differences else 0


def _print(found: Checked) -> None:
    for sentence in found.differences:
        print(f"differs: {sentence}")
    for name in found.same:
        print(f"same: {name}")
    print(f"manifest: SHA-256 {found.manifest_sha256}, made {found.made}")
    print(f"time stamp: {_stamp(found.stamp)}")
    print("the bundle differs from its manifest" if found.differences else "the bundle is as its manifest lists it")


def _stamp(stamp: Stamp | None) -> str:
    if stamp is None:
        return "none"
    if stamp.problem:
        return f"does not hold: {stamp.problem}"
    checked = (
        "its signature leads to a trusted certificate" if stamp.trusted else "its signature was not checked (--trust)"
    )
    return f"{stamp.time}{f' by {stamp.authority}' if stamp.authority else ''}; {checked}"
