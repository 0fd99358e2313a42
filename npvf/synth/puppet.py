"""A person who says phones: mouth, eyelids, head and camera, frame after frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from npvf.clip import FPS, Phones
from npvf.synth.identity import EYES, Dressed, Identity, dress, refine
from npvf.synth.mouth import MouthWarp
from npvf.synth.visemes import MouthTrack, articulate

DEFAULT_SIZE = 288
_COARSE = 73  # samples per side of the smooth map of head movements


@dataclass(frozen=True)
class Motion:
    """Movements apart from the mouth, all (T,): eyelids 0 (open) to 1; head shifts in pixels, turns in radians."""

    blink_T: np.ndarray
    head_TP: np.ndarray  # (T, 6): shift x, shift y, roll, nearness, yaw, pitch
    light_T: np.ndarray


class Puppet:
    """One identity at one frame size (pixels, square)."""

    def __init__(self, who: Identity, size: int = DEFAULT_SIZE) -> None:
        if size % 2 or size < 128:
            raise ValueError(f"size must be even and at least 128 pixels, not {size}")
        self.who, self.size = who, size
        dressed = dress(who, size)
        self.picture_HWC = dressed.picture_HWC
        self.person_HW = dressed.person_HW
        self.mouth = MouthWarp(dressed.picture_HWC, dressed.landmarks_N2)
        self.lids = [_Eyelid(dressed.picture_HWC, dressed.landmarks_N2[eye]) for eye in EYES]
        self._head_fields(dressed)

    def articulate(self, phones: Phones, seconds: float, closures: Phones | None = None) -> MouthTrack:
        """Return the mouth of this person for `phones`; see npvf.synth.visemes.articulate."""
        return articulate(phones, round(seconds * FPS), self.who.effort, closures)

    def render(self, phones: Phones, seconds: float, seed: int = 0) -> Iterator[np.ndarray]:
        """Yield frames (S, S, 3) uint8 RGB at 25 fps; the seed decides head, blinks, light, camera and backdrop."""
        return self.render_mouth(self.articulate(phones, seconds), seed)

    def render_mouth(self, mouth: MouthTrack, seed: int = 0) -> Iterator[np.ndarray]:
        """Yield frames of a given mouth. Head, eyes, light and camera depend on the seed, not on the mouth."""
        motion = _motion(len(mouth), self.size, seed)
        camera = _Camera(self.who, self.size, seed)
        for t in range(len(mouth)):
            face = self.picture_HWC.copy()
            self.mouth.apply(face, mouth[t])
            if motion.blink_T[t] > 0.02:
                for lid in self.lids:
                    lid.apply(face, float(motion.blink_T[t]))
            yield camera.take(face, self.person_HW, self._head_map(motion.head_TP[t]), float(motion.light_T[t]))

    def _head_fields(self, dressed: Dressed) -> None:
        """Return the backward displacement of each head movement, (73*73*2, 6): the shoulders hardly move."""
        size, points = self.size, dressed.landmarks_N2
        y, x = np.mgrid[0 : size - 1 : _COARSE * 1j, 0 : size - 1 : _COARSE * 1j].astype(np.float32)
        chin, nose = points[152], points[1]
        face = float(chin[1] - points[10, 1])
        weight = 1 - 0.85 * np.clip((y - chin[1] - 0.05 * face) / (0.45 * face), 0, 1)
        across, up = x - nose[0], y - chin[1] - 0.3 * face
        depth = np.clip(1 - (across / (0.75 * face)) ** 2 - ((y - nose[1]) / (0.95 * face)) ** 2, 0, 1)
        none = np.zeros_like(x)
        fields = [(-weight, none), (none, -weight), (-weight * up, weight * across)]
        fields += [(-weight * across, -weight * (y - nose[1])), (-depth * face, none), (none, -depth * face)]
        self._fields = np.stack([np.stack(f, -1).ravel() for f in fields], 1).astype(np.float32)
        self._grid = np.stack([x, y], -1).ravel()

    def _head_map(self, head_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        displaced = (self._grid + self._fields @ head_P.astype(np.float32)).reshape(_COARSE, _COARSE, 2)
        return refine(displaced[..., 0], self.size), refine(displaced[..., 1], self.size)


class _Eyelid:
    """The upper lid of one eye, which closes: the skin above is stretched, the lashes stay."""

    def __init__(self, picture_HWC: np.ndarray, outline_N2: np.ndarray) -> None:
        upper = outline_N2[:9][np.argsort(outline_N2[:9, 0])]
        lower = np.concatenate([outline_N2[8:], outline_N2[:1]])
        lower = lower[np.argsort(lower[:, 0])]
        x0, x1 = int(upper[0, 0]), int(upper[-1, 0]) + 2
        gap = float(lower[:, 1].max() - upper[:, 1].min())
        y0, y1 = int(upper[:, 1].min() - 1.6 * gap), int(lower[:, 1].max() + 0.5 * gap) + 2
        self.box = (slice(y0, y1), slice(x0, x1))
        self.x, self.y = (a.astype(np.float32) for a in np.meshgrid(np.arange(x0, x1), np.arange(y0, y1)))
        self.top = np.interp(self.x[0], upper[:, 0], upper[:, 1]).astype(np.float32)
        self.gap = (np.interp(self.x[0], lower[:, 0], lower[:, 1]) - self.top).clip(0).astype(np.float32)
        rows = np.arange(len(picture_HWC), dtype=np.float32)[:, None]
        line = np.interp(np.arange(len(picture_HWC)), upper[:, 0], upper[:, 1])
        alpha = np.clip(line + 1.5 - rows, 0, 1)
        self.layer = np.dstack([picture_HWC, np.round(alpha * 255).astype(np.uint8)])

    def apply(self, picture_HWC: np.ndarray, closed: float) -> None:
        lid = self.top + closed * self.gap
        first = self.y[0, 0]
        stretch = np.clip((self.y - first) / np.maximum(lid - first, 1), 0, 1)
        source = self.y - (closed * self.gap)[None] * stretch
        skin = cv2.remap(self.layer, self.x, source.astype(np.float32), cv2.INTER_LINEAR)
        eye = picture_HWC[self.box].astype(np.float32)
        picture_HWC[self.box] = (eye + (skin[..., 3:] / np.float32(255)) * (skin[..., :3] - eye)).astype(np.uint8)


def _wander(rng: np.random.Generator, frames: int, slow: float, fast: float) -> np.ndarray:
    """Return (T,) with unit deviation: a sum of sines between two frequencies (Hz)."""
    time = np.arange(frames) / FPS
    waves = [np.sin(2 * np.pi * (rng.uniform(slow, fast) * time + rng.uniform())) for _ in range(5)]
    return np.sum(waves, 0) / np.sqrt(2.5)


def _motion(frames: int, size: int, seed: int) -> Motion:
    rng = np.random.default_rng([seed, 2])
    deviation = np.array([0.010 * size, 0.007 * size, 0.022, 0.010, 0.016, 0.014])
    head = np.stack([_wander(rng, frames, 0.08, 0.7) * d for d in deviation * rng.uniform(0.5, 1.3, 6)], 1)
    head += rng.normal(0, 1, 6) * np.array([0.012 * size, 0.008 * size, 0.02, 0.02, 0.02, 0.015])
    blink = np.zeros(frames)
    at = rng.uniform(0.2, 3.0)
    while at < frames / FPS:
        phase = (np.arange(frames) / FPS - at) / rng.uniform(0.09, 0.13)
        blink = np.maximum(blink, np.clip(1.25 - np.abs(phase), 0, 1))
        at += rng.uniform(1.4, 4.5)
    light = 1 + 0.012 * _wander(rng, frames, 0.1, 1.2)
    return Motion(blink, head, light)


class _Camera:
    """Draw the person in front of a backdrop, with framing, uneven light, blur and sensor noise."""

    def __init__(self, who: Identity, size: int, seed: int) -> None:
        rng = np.random.default_rng([seed, 3])
        self.size, self.mirrored = size, who.mirrored
        self.backdrop = _backdrop(rng, who.backdrop, size)
        y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
        angle = rng.uniform(0, 2 * np.pi)
        slope = rng.uniform(0.0, 0.22) * (np.cos(angle) * x + 0.6 * np.sin(angle) * y)
        tint = 1 + rng.uniform(-0.05, 0.05, 3) * np.array([1, 0.4, 1])
        self.light = ((rng.uniform(0.85, 1.1) * (1 + slope))[..., None] * tint).astype(np.float32)
        self.blur = float(rng.uniform(0.0, 0.7))
        noise = rng.normal(0, rng.uniform(1.0, 3.5), (size + 64, size + 64, 3))
        self.noise = np.round(0.6 * noise + 0.4 * noise.mean(-1, keepdims=True)).astype(np.int16)
        self.rng = rng

    def take(
        self, face_HWC: np.ndarray, person_HW: np.ndarray, maps: tuple[np.ndarray, np.ndarray], light: float
    ) -> np.ndarray:
        face = cv2.remap(face_HWC, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        person = cv2.remap(person_HW, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        scene = cv2.blendLinear(face, self.backdrop, person, 1 - person)
        if self.blur > 0.25:
            scene = cv2.GaussianBlur(scene, (3, 3), self.blur)
        scene = cv2.multiply(scene, self.light, scale=light, dtype=cv2.CV_16S)
        i, j = self.rng.integers(0, 64, 2)
        noise = self.noise[i : i + self.size, j : j + self.size]
        frame = cv2.add(scene, noise, dtype=cv2.CV_8U)
        return cv2.flip(frame, 1) if self.mirrored else frame


def _backdrop(rng: np.random.Generator, colour_lab: tuple[float, float, float], size: int) -> np.ndarray:
    """Draw a blurred wall of this colour, (S, S, 3) uint8, a little different in each clip."""
    coarse = rng.normal(0, 1, (6, 6, 3)).astype(np.float32) * np.array([5, 1.5, 2], np.float32)
    lab = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC) + np.array(colour_lab, np.float32)
    edge = rng.uniform(-0.3, 1.3) * size
    x = np.arange(size, dtype=np.float32)
    lab[..., 0] += rng.uniform(-14, 14) / (1 + np.exp(-(x - edge) / (0.02 * size)))
    rgb = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.clip(rgb * 255, 0, 255).astype(np.uint8)
