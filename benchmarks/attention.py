"""Plot the agreement over time of a real and a forged clip, and the pixels of the mouth that it comes from.

    python benchmarks/attention.py data/grid 's1/lgwt3a~mpg-t0-000' --sound 's1/swai3a~mpg-t0-000' \\
        --pretrained runs/grid0/encoder --credit "Pictures: GRID corpus, Cooke et al. 2006, CC BY 4.0"

Takes a clip of a prepared corpus, forges it by giving it the sound of another one, and writes one figure. Both are
scored as a detector scores them: a small offset of the sound is undone first. Maps are SmoothGrad's
(`benchmarks.saliency`), blurred over a 24th of the picture and drawn from their median up, on one scale for the
frames of both clips; the mean maps have scales of their own.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchmarks.saliency import mouth_saliency
from npvf.clip import FPS, Clip
from npvf.data.datasets import collate
from npvf.data.transforms import ClipTransform
from npvf.detect.scoring import ScoredClip, ScoringSettings, score_features
from npvf.evaluate.fit_findings import other_audio
from npvf.io.corpus import Corpus
from npvf.io.shards import decode_clip
from npvf.models import NPV
from npvf.report.charts import smoothed

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

FRAMES_SHOWN = 9
BLUE, ORANGE, GREY = "#2667b2", "#c95214", "#d9d6cf"
RED = (1.0, 0.15, 0.0)


@dataclass(slots=True)
class Explained:
    """One clip with its scores and maps: mouth (T, H, W) uint8, map (T, H, W)."""

    title: str
    clip: Clip
    scored: ScoredClip
    mouth_THW: np.ndarray
    map_THW: np.ndarray


def main() -> None:
    """Explain both clips and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a prepared corpus")
    parser.add_argument("clip", help="the key of the real clip")
    parser.add_argument("--sound", required=True, metavar="CLIP", help="key of the clip whose sound the forgery gets")
    parser.add_argument("--pretrained", required=True, help="an encoder or detector folder")
    parser.add_argument("--credit", default="", help="whom the pictures are owed to, written under the figure")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    wanted = {args.clip, args.sound}
    samples = Corpus(args.corpus).samples
    found = {sample["__key__"]: decode_clip(sample) for sample in samples if sample["__key__"] in wanted}
    if missing := wanted - found.keys():
        parser.error(f"{args.corpus} has no clip {', '.join(sorted(missing))}")
    model = NPV.from_pretrained(args.pretrained)
    real, other = found[args.clip], found[args.sound]
    pair = [explain(model, "real", real), explain(model, "forged: another sentence's sound", other_audio(real, other))]
    args.out.mkdir(parents=True, exist_ok=True)
    target = args.out / "attention.png"
    save(draw(pair, args.credit), target)
    for item in pair:
        gated = item.scored.agreement_T[item.scored.gate_T]
        print(f"{item.title}: agreement of gated frames {np.nanmean(gated):+.2f}, offset {item.scored.offset}")
    print(f"written: {target}")


def explain(model: NPV, title: str, clip: Clip) -> Explained:
    """Score a clip and map its mouth."""
    sample = ClipTransform(model.config.inputs)(clip)
    scored = score_features(model, model.encode(collate([sample])), ScoringSettings())
    offset = scored.offset if scored.undone and scored.offset else 0
    mouth_THW = sample.mouth_TCHW.float().mean(1).byte().numpy()
    # A strided stem leaves its own grid in a gradient.
    blur = mouth_THW.shape[-1] / 24
    map_THW = gaussian_filter(mouth_saliency(model, sample, offset), (0, blur, blur))
    return Explained(title, clip, scored, mouth_THW, map_THW)


def draw(pair: list[Explained], credit: str) -> Figure:
    """Two clips one above the other: a curve, and a strip of mouths with their mean map at the right."""
    figure = plt.figure(figsize=(10.5, 8.2), dpi=110, layout="constrained")
    grid = figure.add_gridspec(4, FRAMES_SHOWN + 2, height_ratios=(1.5, 1, 1.5, 1))
    scale = np.percentile(np.concatenate([item.map_THW for item in pair]), (50, 99.8))
    for row, item in enumerate(pair):
        shown = _shown(item)
        draw_agreement(figure.add_subplot(grid[2 * row, :]), item, shown)
        for column, t in enumerate(shown):
            axes = figure.add_subplot(grid[2 * row + 1, column])
            draw_mouth(axes, item.mouth_THW[t], item.map_THW[t], scale)
            axes.set_title(f"{_phone_at(item, t)}  {t / FPS:.2f} s", fontsize=8)
        gated = item.scored.gate_T
        axes = figure.add_subplot(grid[2 * row + 1, -2:])
        mean_HW = item.map_THW[gated].mean(0)
        draw_mouth(axes, item.mouth_THW[gated].mean(0), mean_HW, np.percentile(mean_HW, (50, 100)))
        axes.set_title("mean of gated frames", fontsize=8)
    figure.supxlabel(credit, fontsize=7, x=0.99, ha="right")
    return figure


def save(figure: Figure, target: Path) -> None:
    """Save as a PNG with 256 colours, a third of the size."""
    figure.canvas.draw()  # type: ignore[attr-defined]
    pixels_HWC = np.asarray(figure.canvas.buffer_rgba())  # type: ignore[attr-defined]
    Image.fromarray(pixels_HWC).convert("RGB").quantize(256).save(target, optimize=True)


def draw_agreement(axes: Any, item: Explained, shown: list[int]) -> None:
    """Framewise cosine, its smoothed course where it counts, and the sounds on the pictures' clock."""
    scored = item.scored
    time_T = (np.arange(len(scored.agreement_T)) + 0.5) / FPS
    colour = BLUE if item.title == "real" else ORANGE
    for t in np.flatnonzero(~scored.gate_T):
        axes.axvspan(t / FPS, (t + 1) / FPS, color=GREY, alpha=0.5, lw=0)
    axes.plot(time_T, scored.agreement_T, color=colour, lw=0.8, alpha=0.5)
    axes.plot(time_T, smoothed(scored.agreement_T, scored.gate_T), color=colour, lw=2.2)
    axes.plot(time_T[shown], np.full(len(shown), -0.93), "^", color="black", ms=4)
    shift = (scored.offset or 0) / FPS if scored.undone else 0.0
    for p in item.clip.phones.between(shift, shift + item.clip.seconds, -shift).items:
        if p.phone != "sil":
            axes.axvline(p.start, color="#999999", lw=0.4, ymin=0.88)
            axes.text((p.start + p.end) / 2, 1.02, p.phone, ha="center", va="center", fontsize=7)
    mean = float(np.nanmean(scored.agreement_T[scored.gate_T]))
    undone = f", sound moved by {-scored.offset} frames" if scored.undone and scored.offset else ""
    axes.set_title(f"{item.title}: mean agreement of gated frames {mean:+.2f}{undone}", fontsize=10, loc="left")
    axes.set(xlim=(0, time_T[-1] + 0.5 / FPS), ylim=(-1, 1.15), ylabel="cosine of lips and sound")
    axes.axhline(0, color="black", lw=0.5)
    axes.tick_params(labelsize=8)


def draw_mouth(axes: Any, mouth_HW: np.ndarray, map_HW: np.ndarray, scale: np.ndarray) -> None:
    """A gray picture under its map, which is clear up to scale[0] and full from scale[1] on."""
    strength_HW = np.clip((map_HW - scale[0]) / (scale[1] - scale[0]), 0, 1)
    axes.imshow(mouth_HW, cmap="gray", interpolation="bilinear")
    colour_HW4 = np.concatenate([np.broadcast_to(RED, (*map_HW.shape, 3)), 0.8 * strength_HW[..., None]], axis=-1)
    axes.imshow(colour_HW4, interpolation="bilinear")
    axes.set_axis_off()


def _shown(item: Explained) -> list[int]:
    """Gated frames evenly over the clip."""
    gated = np.flatnonzero(item.scored.gate_T)
    return gated[np.linspace(0, len(gated) - 1, FRAMES_SHOWN).round().astype(int)].tolist()


def _phone_at(item: Explained, frame: int) -> str:
    shift = (item.scored.offset or 0) if item.scored.undone else 0
    time = (frame + 0.5 + shift) / FPS
    return next((p.phone for p in item.clip.phones.items if p.start <= time < p.end), "")


if __name__ == "__main__":
    main()
