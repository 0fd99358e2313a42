"""Make many people from one photograph: face shape, skin, hair, clothes, glasses and voice of each identity."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from npvf.faces.lips import OUTER_LIPS
from npvf.synth.portrait import CLOTHES, HAIR, SKIN, Portrait, portrait
from npvf.synth.voice import VOICES, Voice

FACE_OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152]
FACE_OVAL += [148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]
EYES = (
    [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7],
    [362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382],
)
BROWS = ([70, 63, 105, 66, 107, 55, 65, 52, 53, 46], [300, 293, 334, 296, 336, 285, 295, 282, 283, 276])

_SAMPLES = 73  # per side, of the smooth map between the shape of the photograph and that of a person

# Target colours in CIELAB (L 0..100, a, b).
_SKINS = ((72, 12, 17), (38, 13, 19), (62, 14, 24), (80, 9, 12), (49, 14, 23), (67, 16, 18), (30, 10, 14), (57, 12, 27))
_HAIRS = (
    (16, 3, 4),
    (45, 9, 26),
    (28, 7, 12),
    (66, 3, 22),
    (36, 21, 26),
    (60, 0, 3),
    (9, 1, 1),
    (24, 12, 15),
    (76, 0, 4),
)
_CLOTHES = (
    (30, 4, -24),
    (34, 30, 14),
    (60, -2, 4),
    (26, -14, 8),
    (20, 0, 0),
    (70, 6, 30),
    (40, 16, -22),
    (52, -18, -6),
)
_BACKDROPS = ((78, 0, 2), (42, -3, -14), (60, -10, 12), (30, 2, 6), (70, 8, 16), (52, 0, 0), (84, -3, -6), (46, 12, 10))


@dataclass(frozen=True)
class Identity:
    """A person. Fields named after a part of the face are changes relative to the photograph; 0: none."""

    name: str
    voice: Voice
    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    clothes: tuple[float, float, float]
    backdrop: tuple[float, float, float]
    mirrored: bool
    glasses: bool
    stubble: float
    lipstick: float
    face_width: float
    jaw_width: float
    chin: float
    eyes: float
    eye_distance: float
    brows: float
    nose: float
    lips: float
    hair_volume: float
    effort: float  # how wide this person opens the mouth


@lru_cache(maxsize=256)
def identity(number: int) -> Identity:
    """Return the person with this number: always the same one, who differs from the others in several ways."""
    rng = np.random.default_rng([20_220, number])
    voice = VOICES[number % len(VOICES)]
    if number >= len(VOICES):
        voice = Voice(voice.espeak, voice.rate + int(rng.integers(-10, 14)), voice.pitch + int(rng.integers(-14, 15)))
    masculine = "+m" in voice.espeak or voice.espeak.split("+")[1] in {"victor", "Michael", "Alex"}

    def spread(width: float) -> float:
        return float(rng.uniform(-width, width))

    def shade(colours: tuple[tuple[int, int, int], ...], step: int) -> tuple[float, float, float]:
        lightness, a, b = colours[(number * step + number // 8) % len(colours)]
        return lightness + spread(3), a + spread(1.5), b + spread(1.5)

    skin, hair = shade(_SKINS, 1), shade(_HAIRS, 2)
    if skin[0] < 55:  # people with dark skin have dark or grey hair
        hair = (min(hair[0], 34.0), hair[1] / 2, hair[2] / 2)
    return Identity(
        name=f"person{number:02d}",
        voice=voice,
        skin=skin,
        hair=hair,
        clothes=shade(_CLOTHES, 3),
        backdrop=shade(_BACKDROPS, 5),
        mirrored=bool(number % 2),
        glasses=number % 4 == 2,
        stubble=float(rng.uniform(0.25, 0.6)) if masculine and number % 3 != 1 else 0.0,
        lipstick=float(rng.uniform(0.3, 0.8)) if not masculine and number % 3 == 0 else 0.0,
        face_width=spread(0.09),
        jaw_width=spread(0.07) + (0.05 if masculine else -0.03),
        chin=spread(0.10) + (0.03 if masculine else 0),
        eyes=spread(0.16),
        eye_distance=spread(0.05),
        brows=spread(0.05),
        nose=spread(0.20) + (0.08 if masculine else 0),
        lips=float(rng.uniform(0.0, 0.45)),
        hair_volume=spread(0.10) - (0.10 if masculine else 0),
        effort=float(rng.uniform(0.85, 1.12)),
    )


@dataclass(frozen=True)
class Dressed:
    """A portrait of an identity: picture_HWC uint8, landmarks_N2 pixels, person_HW float32 alpha in [0, 1]."""

    picture_HWC: np.ndarray
    landmarks_N2: np.ndarray
    person_HW: np.ndarray


@lru_cache(maxsize=64)
def dress(who: Identity, size: int) -> Dressed:
    """Return the photograph changed to this person, not mirrored, at `size` x `size` pixels."""
    base = portrait(size)
    picture = _extended(_coloured(base, who), base.regions_HW > 0)
    landmarks, map_x, map_y = _shaped(base, who)
    picture = cv2.remap(picture, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    # One pixel at the outline is removed: it is mixed with the background of the photograph.
    person: np.ndarray = np.clip(1.9 * _soft(base.regions_HW > 0, size / 200) - 0.9, 0, 1)
    person = cv2.remap(person, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if who.glasses:
        picture = _glasses(picture, landmarks, size)
    return Dressed(picture, landmarks, person)


def _extended(picture_HWC: np.ndarray, person_HW: np.ndarray) -> np.ndarray:
    """Replace the background by the nearest colours of the person, so that a moved outline does not have a halo."""
    size = len(picture_HWC)
    inner = cv2.erode(person_HW.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=max(1, size // 140))
    weight = inner.astype(np.float32)
    out = picture_HWC.astype(np.float32)
    sums, total = out * weight[..., None], weight
    for sigma in (size / 150, size / 40, size / 10):
        near = cv2.GaussianBlur(total, (0, 0), sigma)[..., None]
        spread = cv2.GaussianBlur(sums, (0, 0), sigma) / np.maximum(near, 1e-6)
        fresh = np.clip(near * 20, 0, 1) * (1 - total[..., None])
        sums, total = sums + fresh * spread, total + fresh[..., 0]
    return np.clip(sums + (1 - total[..., None]) * out, 0, 255).astype(np.uint8)


def _soft(mask_HW: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(mask_HW.astype(np.float32), (0, 0), sigma)


def _polygon(points: np.ndarray, size: int, sigma: float) -> np.ndarray:
    mask = np.zeros((size, size), np.float32)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1.0)
    return cv2.GaussianBlur(mask, (0, 0), sigma)


def _coloured(base: Portrait, who: Identity) -> np.ndarray:
    """Change skin, hair and clothes to this person's colours in CIELAB; light and shade stay."""
    size = len(base.picture_HWC)
    lab = cv2.cvtColor(base.picture_HWC.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    points = base.landmarks_N2
    eyes = np.add(*(_polygon(points[eye], size, size / 300) for eye in EYES))
    teeth = _polygon(points[[78, 81, 13, 311, 308, 402, 14, 178]], size, size / 300)
    brows = np.add(*(_polygon(points[brow], size, size / 220) for brow in BROWS))
    lips = np.clip(_polygon(points[OUTER_LIPS], size, size / 250) - teeth, 0, 1)
    keep = np.clip(1 - eyes - teeth, 0, 1)
    out = lab.copy()
    for region, colour in ((SKIN, who.skin), (HAIR, who.hair), (CLOTHES, who.clothes)):
        mask = base.regions_HW == region
        mean = np.median(lab[mask], axis=0)
        # Dark skin and dark hair show less light and shade than light ones.
        contrast = 0.35 + 0.4 * colour[0] / 70 if region == HAIR else 0.45 + 0.55 * colour[0] / mean[0]
        moved = (lab - mean) * np.array([contrast, 0.9, 0.9]) + np.array(colour)
        if region == HAIR:
            shine = np.clip(moved[..., :1] / colour[0], 0, 1.5)
            moved[..., 1:] = np.array(colour[1:]) * (0.4 + 0.6 * shine) + 0.2 * (lab - mean)[..., 1:] * shine
        if region == CLOTHES:  # ring and lining of the space suit become folds of plain clothes
            folds = cv2.GaussianBlur(np.where(mask, lab[..., 0], mean[0]), (0, 0), size / 30) - mean[0]
            moved = np.dstack([colour[0] + 0.35 * folds, *(np.full_like(folds, c) for c in colour[1:])])
        weight = (_soft(mask, size / 260) * keep)[..., None]
        out += weight * (moved - lab)
    out[..., 0] -= eyes * np.clip(lab[..., 0] - 25, 0, None) * 0.4 * max(0.0, 1 - who.skin[0] / 72)
    out[..., 0] -= brows * keep * np.clip(out[..., 0] - who.hair[0], 0, 60) * 0.45
    out += (who.lipstick * lips)[..., None] * np.array([-10, 24, 8])
    if who.stubble:
        out -= (who.stubble * _beard(base, lips))[..., None] * np.array([22, 5, 6])
    rgb = cv2.cvtColor(out.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.clip(rgb * 255, 0, 255).astype(np.uint8)


def _beard(base: Portrait, lips: np.ndarray) -> np.ndarray:
    """Return (S, S) in [0, 1]: the lower face without the lips, with speckles."""
    size, points = len(lips), base.landmarks_N2
    jaw = [132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 410, 391, 164, 165, 186]
    area = _polygon(points[jaw], size, size / 60) * np.clip(1 - 1.6 * lips, 0, 1)
    speckle = np.random.default_rng(7).normal(0.8, 0.35, (size, size)).astype(np.float32)
    return np.clip(area * cv2.GaussianBlur(speckle, (0, 0), 0.6), 0, 1)


def _moved(points: np.ndarray, base: Portrait, who: Identity) -> np.ndarray:
    """Map points of the photograph to the face of this person: (N, 2) -> (N, 2), smooth."""
    marks = base.landmarks_N2
    centre, chin, nose = marks[6], marks[152], marks[1]
    face = float(chin[1] - marks[10, 1])
    x, y = points[:, 0], points[:, 1]
    near = np.exp(-((np.hypot((x - centre[0]) / 0.62, (y - nose[1]) / 0.85) / face) ** 4))
    below = np.clip((y - nose[1]) / (chin[1] - nose[1]), 0, 1.15) * near
    dx = (x - centre[0]) * (who.face_width * near + who.jaw_width * below)
    dy = who.chin * face * 0.55 * below
    for eye in EYES:
        middle = marks[eye].mean(0)
        local = np.exp(-((np.hypot(x - middle[0], y - middle[1]) / (0.16 * face)) ** 2))
        side = np.sign(middle[0] - centre[0])
        dx = dx + local * (who.eyes * (x - middle[0]) + side * who.eye_distance * 0.5 * face)
        dy = dy + local * who.eyes * (y - middle[1])
    for brow in BROWS:
        middle = marks[brow].mean(0)
        local = np.exp(-(((x - middle[0]) / (0.22 * face)) ** 2) - ((y - middle[1]) / (0.07 * face)) ** 2)
        dy = dy - local * who.brows * 0.6 * face
    local = np.exp(-((np.hypot((x - nose[0]) / 0.16, (y - nose[1]) / 0.13) / face) ** 2))
    dx = dx + local * who.nose * (x - nose[0])
    mouth = marks[[13, 14]].mean(0)
    local = np.exp(-(((x - mouth[0]) / (0.36 * face)) ** 4) - ((y - mouth[1]) / (0.13 * face)) ** 4)
    dy = dy + local * who.lips * (y - mouth[1]) * 0.8
    hair = np.clip((np.hypot((x - centre[0]) / 0.62, (y - nose[1]) / 0.85) / face - 0.62) / 0.4, 0, 1)
    hair = hair * np.clip((chin[1] - y) / (0.35 * face), 0, 1)
    dx = dx + (x - centre[0]) * who.hair_volume * hair
    dy = dy + (y - centre[1]) * who.hair_volume * hair
    return np.stack([x + dx, y + dy], 1)


def _shaped(base: Portrait, who: Identity) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the moved landmarks and the backward map that moves the pixels with them."""
    size = len(base.picture_HWC)
    samples = np.linspace(0, size - 1, _SAMPLES)
    target = np.stack([a.ravel() for a in np.meshgrid(samples, samples)], 1)
    source = target
    for _ in range(12):  # a fixed-point iteration converges because the movement changes slowly from place to place
        source = source + target - _moved(source, base, who)
    source = source.reshape(_SAMPLES, _SAMPLES, 2).astype(np.float32)
    landmarks = _moved(base.landmarks_N2, base, who).astype(np.float32)
    return landmarks, refine(source[..., 0], size), refine(source[..., 1], size)


def refine(samples_KK: np.ndarray, size: int) -> np.ndarray:
    """Interpolate (K, K) samples from corner pixel to corner pixel of a square to (size, size), linearly."""
    # cv2.resize would align the edges of the pixels; here their centres are aligned.
    scale = (size - 1) / (len(samples_KK) - 1)
    spread = np.array([[scale, 0, 0], [0, scale, 0]])
    return cv2.warpAffine(samples_KK, spread, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _glasses(picture_HWC: np.ndarray, landmarks_N2: np.ndarray, size: int) -> np.ndarray:
    """Draw glasses: thin dark frames around the eyes with temples to the ears."""
    up = 4
    mask = np.zeros((size * up, size * up), np.float32)
    marks = landmarks_N2 * up
    centres = [marks[eye].mean(0) for eye in EYES]
    gap = float(np.linalg.norm(centres[1] - centres[0]))
    axes = (int(0.40 * gap), int(0.30 * gap))
    thick = max(1, round(0.035 * gap))
    for centre, ear in zip(centres, (marks[127], marks[356]), strict=True):
        middle = (int(centre[0]), int(centre[1] + 0.06 * gap))
        cv2.ellipse(mask, middle, axes, 0, 0, 360, 1.0, thick, cv2.LINE_AA)
        outer = (int(centre[0] + np.sign(ear[0] - centre[0]) * axes[0]), middle[1])
        cv2.line(mask, outer, (int(ear[0]), int(ear[1])), 1.0, thick, cv2.LINE_AA)
    inner = [(int(centres[0][0] + axes[0]), int(centres[0][1])), (int(centres[1][0] - axes[0]), int(centres[1][1]))]
    cv2.line(mask, inner[0], inner[1], 1.0, thick, cv2.LINE_AA)
    alpha = cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA)[..., None]
    return np.clip(picture_HWC * (1 - 0.9 * alpha) + 28 * alpha, 0, 255).astype(np.uint8)
