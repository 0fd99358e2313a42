"""`npvf mask`: find the forged pixels of a video by comparing it with its original."""

from __future__ import annotations

import argparse
from pathlib import Path

from npvf.errors import NpvfError

_SHOWN = 6  # frames on the contact sheet
_THRESHOLD = "mark pixels that differ by this multiple of the coding noise (default: %(default)s)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("fake", type=Path, metavar="FAKE", help="the forged video")
    parser.add_argument("real", type=Path, metavar="REAL", help="the original video")
    parser.add_argument("out", type=Path, metavar="OUT", help="the .mask.npz to write, usually beside FAKE")
    parser.add_argument("--threshold", type=float, default=4.5, help=_THRESHOLD)
    parser.add_argument("--sheet", type=Path, help="an image of frames, masks and outlines (default: OUT with .png)")


def run(args: argparse.Namespace) -> int:
    """Find the mask, write it with a contact sheet, and print how much is forged."""
    import cv2
    import numpy as np

    from npvf.clip import FPS
    from npvf.io.masks import SUFFIX, write_masks
    from npvf.media.decode import iter_frames
    from npvf.prepare.difference import pair
    from npvf.prepare.mask_sheet import contact_sheet

    if not args.out.name.endswith(SUFFIX):
        raise NpvfError(
            f"{args.out}: the name of a mask must end in {SUFFIX}; `npvf prepare` looks for {args.fake.stem}{SUFFIX} "
            "beside the video"
        )
    aligned = pair(args.fake, args.real)
    masks = list(aligned.masks(args.threshold))
    share = np.array([mask.mean() for mask in masks])
    if not share.any():
        raise NpvfError(f"{args.fake} and {args.real} differ only by coding noise; try a lower --threshold")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_masks(args.out, masks)
    shown = np.linspace(0, len(masks) - 1, min(_SHOWN, len(masks))).astype(int).tolist()
    frames = [frame for index, frame in enumerate(iter_frames(args.fake)) if index in shown]
    sheet = args.sheet or args.out.with_name(args.out.name.removesuffix(SUFFIX) + ".mask.png")
    cv2.imwrite(str(sheet), contact_sheet(frames, [masks[k] for k in shown])[..., ::-1])
    print(f"{(share > 0).mean():.0%} of {len(masks)} frames forged, {share[share > 0].mean():.1%} of their pixels")
    print(f"offset of the original against the forgery: {aligned.offset / FPS:+.2f} s")
    print(f"{args.out}; check it in {sheet}")
    return 0
