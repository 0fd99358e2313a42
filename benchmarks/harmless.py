"""Does a detector call harmless videos fake? Still pictures, voice-overs, dubs, music, covered mouths.

    python benchmarks/harmless.py make PREPARED --out FOLDER [--each 5]
    python benchmarks/harmless.py judge FOLDER --detector DIR

`make` takes genuine videos of a prepared corpus, which gives their landmarks, and writes `<kind>-<number>.mp4`, at most
4 s long, `--each` of each kind in KINDS. `judge` counts the verdicts by kind.

The kinds are made here and not in `npvf forge`, since none of them is a forgery: they have no label, and no corpus to
train on should hold them as fakes.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from npvf.clip import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Clip
from npvf.detect.loading import from_pretrained
from npvf.errors import Refused
from npvf.faces.landmarks import Landmarker
from npvf.faces.lips import OUTER_LIPS
from npvf.io.corpus import Corpus
from npvf.io.shards import decode_clip
from npvf.media.decode import iter_frames
from npvf.media.encode import write_video

LONGEST = 4 * FPS  # frames
WIDEST = 480  # pixels: larger frames are scaled down, which makes tracking cheap


@dataclass(frozen=True, slots=True)
class Talk:
    """A genuine recording: frames (T, H, W, 3), landmarks (T, 478, 2) in their pixels, audio (640 T,)."""

    frames_THWC: np.ndarray
    landmarks_TN2: np.ndarray
    audio_N: np.ndarray

    @classmethod
    def of(cls, clip: Clip, video: Path) -> Talk:
        """Read the frames of a prepared clip again, uncropped."""
        first = round(clip.meta.span[0] * FPS)
        count = min(clip.frames, LONGEST)
        frames = list(islice(iter_frames(video), first, first + count))
        scale = min(1.0, WIDEST / frames[0].shape[1])
        size = tuple(2 * round(scale * side / 2) for side in frames[0].shape[1::-1])
        small = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])
        return cls(small, clip.source_landmarks_TN2[:count] * scale, clip.audio_N[: count * SAMPLES_PER_FRAME])


Made = tuple[np.ndarray, np.ndarray]  # frames (T, H, W, 3), audio (N,)


def still(talk: Talk, other: Talk, rng: np.random.Generator) -> Made:
    """One frame, and the voice of the person who is shown."""
    return _frozen(talk), talk.audio_N


def zoom(talk: Talk, other: Talk, rng: np.random.Generator) -> Made:
    """A slow zoom over one frame, and the voice of the person who is shown."""
    frames_THWC, (height, width) = _frozen(talk), talk.frames_THWC.shape[1:3]
    x, y = talk.landmarks_TN2[0].mean(0).tolist()
    scales = np.linspace(1.0, 1.15, len(frames_THWC))
    maps = [np.array([[s, 0, (1 - s) * x], [0, s, (1 - s) * y]]) for s in scales]
    zoomed = [cv2.warpAffine(f, m, (width, height)) for f, m in zip(frames_THWC, maps, strict=True)]
    return np.stack(zoomed), talk.audio_N


def voice_over(talk: Talk, other: Talk, rng: np.random.Generator) -> Made:
    """Another voice instead of the original one, from the start on."""
    return talk.frames_THWC, _fitted(other.audio_N, len(talk.audio_N))


def interpreter(talk: Talk, other: Talk, rng: np.random.Generator) -> Made:
    """The original voice, 18 dB quieter, and after half a second another one over it."""
    late_N = np.pad(_fitted(other.audio_N, len(talk.audio_N)), (SAMPLE_RATE // 2, 0))[: len(talk.audio_N)]
    return talk.frames_THWC, _mixed(10 ** (-18 / 20) * talk.audio_N, _as_loud(late_N, talk.audio_N))


def dub(talk: Talk, other: Talk, rng: np.random.Generator) -> Made:
    """Another voice, at the offset at which its loudness follows that of the original best."""
    voice_N = _fitted(np.tile(other.audio_N, 2), 2 * len(talk.audio_N))
    own_T, other_T = (_loudness(audio_N) for audio_N in (talk.audio_N, voice_N))
    fits = [np.corrcoef(own_T, other_T[k : k + len(own_T)])[0, 1] for k in range(len(other_T) - len(own_T))]
    first = int(np.argmax(fits)) * SAMPLES_PER_FRAME
    return talk.frames_THWC, voice_N[first : first + len(talk.audio_N)]


def second_voice(talk: Talk, other: Talk, rng: np.random.Generator) -> Made:
    """The original voice and another one, equally loud."""
    return talk.frames_THWC, _mixed(talk.audio_N, _as_loud(_fitted(other.audio_N, len(talk.audio_N)), talk.audio_N))


def music(talk: Talk, other: Talk, rng: np.random.Generator) -> Made:
    """Chords with an attack and a decay, and a drum, instead of the voice."""
    time_N = np.arange(len(talk.audio_N)) / SAMPLE_RATE
    audio_N = np.zeros(len(time_N))
    for start in np.arange(0, time_N[-1], 0.5):
        since_N = np.clip(time_N - start, 0, None)
        envelope_N = (time_N >= start) * np.minimum(since_N / 0.01, 1) * np.exp(-3 * since_N)
        root = 110 * 2 ** (rng.choice([0, 3, 5, 7, 8, 10]) / 12)
        for note in root * 2 ** (np.array([0, 4, 7, 12]) / 12):
            audio_N += envelope_N * sum(np.sin(2 * np.pi * k * note * time_N) / k**1.5 for k in range(1, 6))
        audio_N += (time_N >= start) * np.exp(-40 * since_N) * rng.normal(size=len(time_N))
    return talk.frames_THWC, (0.3 * audio_N / np.abs(audio_N).max()).astype(np.float32)


def hand(talk: Talk, other: Talk, rng: np.random.Generator) -> Made:
    """A hand in the colour of the cheek over the mouth, drawn; it moves a little."""
    frames_THWC = talk.frames_THWC.copy()
    drift_T2 = np.cumsum(rng.normal(0, 0.004, (len(frames_THWC), 2)), 0)
    for frame, points_N2, drift_2 in zip(frames_THWC, talk.landmarks_TN2, drift_T2, strict=True):
        lips_N2 = points_N2[OUTER_LIPS]
        side = float(np.ptp(points_N2[:, 1]))
        centre = lips_N2.mean(0) + side * (drift_2 + np.array([0.03, 0.06]))
        skin = _colour(frame, points_N2[50])
        for finger in range(4):
            middle = centre + side * np.array([-0.02, 0.085 * (finger - 1.5)])
            shade = tuple(float(c) * (0.97 - 0.05 * (finger % 2)) for c in skin)
            _ellipse(frame, middle, (0.26 * side, 0.052 * side), 8.0, shade)
        _ellipse(frame, centre + side * np.array([0.28, 0.03]), (0.16 * side, 0.19 * side), 0.0, skin)
    return frames_THWC, talk.audio_N


def mask(talk: Talk, other: Talk, rng: np.random.Generator) -> Made:
    """A medical mask from the nose to the chin, drawn."""
    frames_THWC = talk.frames_THWC.copy()
    border = (195, 117, 50, 187, 214, 210, 169, 150, 152, 379, 394, 430, 434, 411, 280, 346)
    for frame, points_N2 in zip(frames_THWC, talk.landmarks_TN2, strict=True):
        hull = cv2.convexHull(points_N2[[*border]].astype(np.float32)).round().astype(np.int32)
        cv2.fillConvexPoly(frame, hull, (150, 190, 205), cv2.LINE_AA)
        for share in (0.35, 0.5, 0.65):
            ends = (points_N2[[187, 411]] * (1 - share) + points_N2[[150, 379]] * share).round().astype(int)
            cv2.line(frame, ends[0].tolist(), ends[1].tolist(), (135, 172, 188), 2, cv2.LINE_AA)
    return frames_THWC, talk.audio_N


Maker = Callable[[Talk, Talk, np.random.Generator], Made]
KINDS: dict[str, Maker] = {
    kind.__name__: kind for kind in (still, zoom, voice_over, interpreter, dub, second_voice, music, hand, mask)
}


def make(corpus: Corpus, out: Path, each: int) -> None:
    """Write `each` videos of each kind, from other recordings for each kind where there are enough."""
    out.mkdir(parents=True, exist_ok=True)
    talks = list(_talks(corpus))
    for number, (kind, maker) in enumerate(KINDS.items()):
        for k in range(each):
            place = (number * each + k) % len(talks)
            other = talks[(place + 1 + k) % len(talks)]
            frames_THWC, audio_N = maker(talks[place], other, np.random.default_rng([number, k]))
            write_video(out / f"{kind}-{k}.mp4", frames_THWC, audio=audio_N.astype(np.float32), crf=20)


def judge(folder: Path, detector: str) -> None:
    """Print the verdicts by kind, and which videos are called fake."""
    predictor = from_pretrained(detector)
    counts: dict[str, Counter[str]] = {}
    with Landmarker() as landmarker:
        for video in sorted(folder.glob("*.mp4")):
            try:
                verdict = predictor.predict(video, landmarker=landmarker)
                code = verdict.reason.partition(":")[0] if verdict.verdict == "abstain" else ""
                said = f"{verdict.verdict} {code}".strip()
            except Refused as refusal:
                said = f"abstain {refusal.reason}"
            counts.setdefault(video.stem.rpartition("-")[0], Counter())[said] += 1
            print(video.name, said, flush=True)
    print(json.dumps(counts, indent=2))


def _talks(corpus: Corpus) -> Iterator[Talk]:
    """Yield the longest clip of each video's speaker that lasts at least 2 s."""
    paths = {line["video"]: Path(line["path"]) for line in corpus.manifest}
    seen: set[str] = set()
    for sample in corpus.samples:
        clip = decode_clip(sample)
        if clip.meta.is_speaker and clip.seconds >= 2 and clip.meta.video not in seen:
            seen.add(clip.meta.video)
            yield Talk.of(clip, paths[clip.meta.video])


def _frozen(talk: Talk) -> np.ndarray:
    return np.repeat(talk.frames_THWC[:1], len(talk.frames_THWC), axis=0)


def _fitted(audio_N: np.ndarray, length: int) -> np.ndarray:
    return np.resize(audio_N, length)


def _as_loud(audio_N: np.ndarray, as_N: np.ndarray) -> np.ndarray:
    power, wanted = (float(np.square(x_N).mean()) for x_N in (audio_N, as_N))
    return audio_N * np.sqrt(wanted / max(power, 1e-12))


def _mixed(first_N: np.ndarray, second_N: np.ndarray) -> np.ndarray:
    both_N = first_N + second_N
    return both_N / max(1.0, float(np.abs(both_N).max()))


def _loudness(audio_N: np.ndarray) -> np.ndarray:
    frames = len(audio_N) // SAMPLES_PER_FRAME
    power_T = np.square(audio_N[: frames * SAMPLES_PER_FRAME].reshape(frames, -1)).mean(1)
    return np.log10(power_T + 1e-6)


def _colour(frame_HWC: np.ndarray, point_2: np.ndarray) -> tuple[float, ...]:
    x, y = np.clip(point_2.round().astype(int), 3, np.array(frame_HWC.shape[1::-1]) - 4)
    return tuple(np.median(frame_HWC[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3), axis=0).tolist())


def _ellipse(
    frame_HWC: np.ndarray, middle: np.ndarray, axes: tuple[float, float], angle: float, colour: tuple[float, ...]
) -> None:
    whole = tuple(round(float(v)) for v in middle), tuple(round(v) for v in axes)
    cv2.ellipse(frame_HWC, *whole, angle, 0, 360, colour, -1, cv2.LINE_AA)


def main() -> None:
    """Parse the arguments, make or judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("make", "judge"))
    parser.add_argument("folder", type=Path, help="make: a prepared corpus; judge: the folder of the made videos")
    parser.add_argument("--out", type=Path, default=Path("harmless"))
    parser.add_argument("--each", type=int, default=5)
    parser.add_argument("--detector")
    args = parser.parse_args()
    if args.action == "make":
        make(Corpus(args.folder), args.out, args.each)
    elif args.detector:
        judge(args.folder, args.detector)
    else:
        parser.error("judge needs --detector")


if __name__ == "__main__":
    main()
