"""Draw two contact sheets of all perturbations, applied to one talking head of the synthetic corpus.

    python benchmarks/perturbations.py [--out docs] [--work /tmp/perturbations]

Writes `perturbations.jpg` (a face after each change of picture, size and codec, level by level, and after each route)
and `perturbations-sound.jpg` (spectrograms), decoded from the perturbed files. Needs npvf[demo,evaluate].
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import cv2
import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from npvf.media import iter_frames, read_audio
from npvf.perturb import list_perturbations
from npvf.perturb.apply import Condition, perturb_video
from npvf.synth.corpus import make_clip, plan

MOMENT = 0.9  # seconds: a frame of speech
FACE = (slice(40, 264), slice(32, 256))  # rows and columns of a picture of 288 x 288
SIDE = 288
SECONDS = (0.4, 2.0)
RATE = 16_000
SEEN = ("saturation", "contrast", "block", "noise", "blur", "pixelation", "compression", "h264", "h265", "resize")

Draw = Callable[[Axes, Path], object]


def face(axes: Axes, video: Path) -> None:
    """The face in the frame at `MOMENT`."""
    picture = next(islice(iter_frames(video, start=MOMENT), 1))
    if picture.shape[0] != SIDE:  # what a viewer does with a small picture
        picture = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    axes.imshow(picture[FACE], interpolation="none")


def spectrogram(axes: Axes, video: Path) -> None:
    """0 to 8 kHz, 70 dB of range."""
    sound = read_audio(video, RATE, *SECONDS)
    axes.specgram(sound + 1e-7, NFFT=400, Fs=RATE, noverlap=240, cmap="magma", vmin=-130, vmax=-45)
    axes.set_ylim(0, 8000)
    axes.set_aspect("auto")


def sheet(rows: Sequence[tuple[str, Sequence[tuple[str, Path]]]], draw: Draw, cell: tuple[float, float]) -> Figure:
    """One row a perturbation; each cell has its title above it."""
    columns = max(len(cells) for _, cells in rows)
    figure = Figure(figsize=(columns * cell[0] + 1.0, len(rows) * cell[1]), layout="constrained")
    panels = figure.subplots(len(rows), columns, squeeze=False)
    for (name, cells), line in zip(rows, panels, strict=True):
        for axes in line:
            axes.set_axis_off()
        for axes, (title, video) in zip(line, cells, strict=False):
            draw(axes, video)
            axes.set_title(title, fontsize=6.5, pad=2)
        line[0].text(-0.08, 0.5, name, transform=line[0].transAxes, ha="right", va="center", fontsize=8)
    return figure


def main() -> None:
    """Makes the clip, perturbs it in every way, draws."""
    parser = argparse.ArgumentParser(description="Contact sheets of the perturbations.")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--work", type=Path, help="folder for the perturbed files (default: a temporary one)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = args.work or Path(temporary)
        clean = work / "clean.mp4"
        make_clip(plan(1, seed=3, people=[0], size=SIDE)[0], clean)

        def made(kind: str, level: int) -> Path:
            condition = Condition(kind, level)
            path = work / f"{condition.name}.mp4"
            if not path.is_file():
                perturb_video(clean, path, condition)
            return path

        def row(kind: str) -> tuple[str, list[tuple[str, Path]]]:
            (item,) = list_perturbations(kind)
            shown = item.describe if item.group != "routes" else lambda level: ""
            levels = range(1, len(item.levels) + 1)
            return kind.replace("_", " "), [("clean", clean), *((short(shown(n)), made(kind, n)) for n in levels)]

        routes = [item.name for item in list_perturbations(groups=["routes"])]
        shown = [("clean", clean), *((name.replace("_", " "), made(name, 1)) for name in routes)]
        pictures = [*map(row, SEEN), ("routes", shown[:6]), ("(our\napproximation)", shown[6:])]
        sounds = [row(item.name) for item in list_perturbations(groups=["sound"])] + [row("audio_delay")]
        sounds += [("routes", shown[:6]), ("(our\napproximation)", shown[6:])]
        with matplotlib.rc_context({"font.size": 8}):
            save(sheet(pictures, face, (1.25, 1.38)), args.out / "perturbations.jpg")
            save(sheet(sounds, spectrogram, (1.45, 1.05)), args.out / "perturbations-sound.jpg")


def short(says: str) -> str:
    """A level in words, over two lines where it is long."""
    head, comma, tail = says.partition(", ")
    return f"{head}\n{tail}" if comma else says.replace(" per ", "\nper ")


def save(figure: Figure, path: Path) -> None:
    """Small enough for a repository."""
    figure.savefig(path, dpi=110, pil_kwargs={"quality": 78, "optimize": True})
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
