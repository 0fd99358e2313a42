"""The conditions of a clip that decide whether it can be judged, each from a measurement.

A method that is asked about a clip outside its conditions answers all the same, and is wrong. So the conditions are
measured first:

| code | there is | measured by |
|---|---|---|
| `face_does_not_move` | a still picture, also with a slow zoom | `face_motion`: no more than the tracker's noise |
| `mouth_hidden` | a hand or a mask | `lip_contrast`, `mouth_colour`: lips without an edge, or no skin around them |
| `nobody_here_speaks` | sound, but lips that stay closed | `lip_motion` |
| `sung` | a held pitch | `held_pitch` |
| `music_or_noise` | sound in which the recogniser is sure of hardly any phone | `phones_per_s`, `speech_s` |

The first three also say that the motion of the mouth cannot be judged. Landmarks alone do not show a hidden mouth: the
tracker draws lips on a mask, too. `out_of_sync` needs the network and is decided in `npvf.detect.sync_peak`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

import cv2
import numpy as np

from npvf.clip import FPS, SAMPLE_RATE, Clip, Phones
from npvf.errors import Reason
from npvf.faces.geometry import face_size
from npvf.faces.lips import INNER_LIPS, OUTER_LIPS
from npvf.faces.mouth_geometry import mouth_geometry
from npvf.faces.speaking import energy_envelope, lip_aperture
from npvf.media.probe import MediaInfo
from npvf.speech.inventory import SILENCE, UNKNOWN
from npvf.speech.pitch import centred_frames, yin

UPPER_FACE = np.array([6, 197, 151, 9, 108, 337])  # bridge of the nose and forehead: a mask leaves them free
AROUND_LIPS = np.array([164, 167, 393, 18, 83, 313, 57, 287, 43, 273, 186, 410, 106, 335])
LOOKS = 12  # frames of a clip whose colours are measured
SOUND_DB = -45.0  # frames above this level count as sound
PITCH_STEP = SAMPLE_RATE // 100
PITCH_WINDOW = 1024
# Bits per pixel. Below are a tenth of 62 genuine H.264 videos, and a tenth of 15 in MPEG-4; newer codecs need half.
LEAST_BITS = {"hevc": 0.01, "vp9": 0.01, "av1": 0.01, "libdav1d": 0.01, "h264": 0.02, "vp8": 0.02}
LEAST_BITS_OTHERS = 0.13
LEAST_SOUND = 1.0  # seconds from which on sound can be told from speech
HELD = 20  # steps of 10 ms during which a held pitch stays
HELD_WITHIN = 0.6  # semitones; speech glides farther in 0.2 s


@dataclass(frozen=True, slots=True)
class ConditionSettings:
    """The limits of the measurements; the functions below explain their units.

    Attributes:
        least_motion: the smallest `face_motion` of a face that moves.
        least_contrast: the smallest `lip_contrast` of visible lips.
        most_colour: the largest `mouth_colour` of a mouth with skin around it.
        least_lip_motion: the smallest `lip_motion` of a mouth that speaks.
        most_held: the largest share of a held pitch in speech.
        least_phones: the fewest certain phones in a second of sound in which somebody speaks.
        least_speech: the smallest share of speech in the sound.
        clear_peak: the smallest `offset_peak` that stands out (`npvf.detect.sync_peak`).
        small_face: pixels of the source, from hairline to chin; a smaller face is warned of.
        short_clip: seconds; a shorter track is warned of.
    """

    least_motion: float = 0.008
    least_contrast: float = 3.2
    most_colour: float = 20.0
    least_lip_motion: float = 0.06
    most_held: float = 0.1
    least_phones: float = 2.0
    least_speech: float = 0.1
    clear_peak: float = 4.0
    small_face: float = 100.0
    short_clip: float = 3.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """The measurements of a clip, and the reasons that follow from them; each begins with a code, "": none.

    Attributes:
        measurements: by name.
        against_motion: the reason not to judge the motion of the mouth.
        against_sound: the reason not to compare sound and lips.
        warnings: conditions in which errors are more frequent.
    """

    measurements: dict[str, float] = field(default_factory=dict)
    against_motion: str = ""
    against_sound: str = ""
    warnings: tuple[str, ...] = ()


def measure(clip: Clip, settings: ConditionSettings) -> Conditions:
    """Return the conditions of a clip."""
    contrast, colour = mouth_colours(clip.face_THWC, clip.landmarks_TN2)
    found = {
        "seconds": clip.seconds,
        "face_px": float(4 * np.median(face_size(clip.source_landmarks_TN2))),
        "face_motion": face_motion(clip.landmarks_TN2),
        "lip_motion": lip_motion(clip.landmarks_TN2),
        "lip_contrast": contrast,
        "mouth_colour": colour,
        **({} if clip.meta.no_sound else sound_measurements(clip.audio_N, clip.phones)),
    }
    against_motion = _against_motion(found, settings)
    return Conditions(found, against_motion, against_motion or _against_sound(found, settings), _warn(found, settings))


def face_motion(landmarks_TN2: np.ndarray) -> float:
    """Return how much mouth, jaw and cheeks move against the nose, over the distance of the eyes.

    It is the standard deviation over the clip, the median over 64 points. Place and distance of the head have no part
    in it. A still picture has the noise of the tracker, also if the camera moves over it.

    Args:
        landmarks_TN2: (T, 478, 2) in pixels of the crop.
    """
    return float(np.median(mouth_geometry(landmarks_TN2).std(0).max(-1)))


def lip_motion(landmarks_TN2: np.ndarray) -> float:
    """Return the range of the gap between the lips, from the 5th to the 95th percentile, in face sizes."""
    low, high = np.percentile(lip_aperture(landmarks_TN2), (5, 95))
    return float(high - low)


def mouth_colours(face_THWC: np.ndarray, landmarks_TN2: np.ndarray) -> tuple[float, float]:
    """Return the contrast of the lips against what is around them, and of that against nose and forehead.

    Both are distances in CIE Lab (a difference of 2 is just visible), the median over some frames. A hand over the
    mouth takes the first away, and a mask makes the second large. The second one leaves out lightness, as a chin has
    shadows.
    """
    contrasts, colours = [], []
    for t in np.linspace(0, len(face_THWC) - 1, min(len(face_THWC), LOOKS)).astype(int):
        lab_HW3 = cv2.cvtColor(face_THWC[t].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        points_N2 = landmarks_TN2[t]
        lips_N2 = (points_N2[OUTER_LIPS] + points_N2[INNER_LIPS]) / 2
        places = lips_N2, points_N2[AROUND_LIPS], points_N2[UPPER_FACE]
        lips, around, above = (_colour(lab_HW3, place_N2) for place_N2 in places)
        contrasts.append(np.linalg.norm(lips - around))
        colours.append(np.linalg.norm((around - above)[1:]))
    return float(np.median(contrasts)), float(np.median(colours))


def sound_measurements(audio_N: np.ndarray, phones: Phones) -> dict[str, float]:
    """Return the seconds of sound and of speech, the certain phones in a second, and the share of a held pitch.

    A phone counts as its confidence. Where only voice activity is known there are no phones to count.

    Args:
        audio_N: (640 T,), 16 kHz.
        phones: of the same span.
    """
    seconds = float((energy_envelope(audio_N) > SOUND_DB).sum()) / FPS
    speech = sum(p.end - p.start for p in phones.items if p.phone != SILENCE)
    found = {"sound_s": seconds, "speech_s": speech, "held_pitch": held_pitch(audio_N)}
    if phones.source != "voice_activity":
        certain = sum(p.confidence for p in phones.items if p.phone not in (SILENCE, UNKNOWN))
        found["phones_per_s"] = certain / max(seconds, 0.5)
    return found


def held_pitch(audio_N: np.ndarray) -> float:
    """Return the share of loud frames in which the pitch stays within 0.6 semitones for 0.2 s."""
    pitch_F = yin(audio_N, SAMPLE_RATE, window=PITCH_WINDOW, hop=PITCH_STEP)
    level_F = np.sqrt((centred_frames(audio_N, PITCH_WINDOW, PITCH_STEP) ** 2).mean(1))
    loud_F = level_F > 0.15 * np.percentile(level_F, 95)
    if len(pitch_F) < HELD or not loud_F.any():
        return 0.0
    semitones_FW = np.lib.stride_tricks.sliding_window_view(12 * np.log2(pitch_F), HELD)
    loud_FW = np.lib.stride_tricks.sliding_window_view(loud_F, HELD)
    held_F = (np.ptp(semitones_FW, axis=1) < HELD_WITHIN) & loud_FW.all(1)
    return float(held_F.sum() / loud_F.sum())


def _against_motion(found: dict[str, float], settings: ConditionSettings) -> str:
    if found["face_motion"] < settings.least_motion:
        return f"{Reason.FACE_DOES_NOT_MOVE}: the face does not move, as in a still picture"
    if found["lip_contrast"] < settings.least_contrast or found["mouth_colour"] > settings.most_colour:
        return f"{Reason.MOUTH_HIDDEN}: something covers the mouth, such as a hand or a mask"
    if found["lip_motion"] < settings.least_lip_motion:
        return f"{Reason.NOBODY_HERE_SPEAKS}: the lips hardly open"
    return ""


def _against_sound(found: dict[str, float], settings: ConditionSettings) -> str:
    sound = found.get("sound_s", 0.0)
    if sound < LEAST_SOUND:  # then there is too little speech, which the method itself counts
        return ""
    music = f"{Reason.MUSIC_OR_NOISE}: there is sound, but hardly any speech in it"
    if found["speech_s"] < settings.least_speech * sound:
        return music
    if found["held_pitch"] > settings.most_held:
        return f"{Reason.SUNG}: the pitch is held for {found['held_pitch']:.0%} of the time, as in singing"
    return music if found.get("phones_per_s", inf) < settings.least_phones else ""


def _warn(found: dict[str, float], settings: ConditionSettings) -> tuple[str, ...]:
    warnings = []
    if found["face_px"] < settings.small_face:
        warnings.append(f"small_face: the face is {found['face_px']:.0f} pixels high")
    if found["seconds"] < settings.short_clip:
        warnings.append(f"short_clip: the face is seen for {found['seconds']:.1f} s")
    return tuple(warnings)


def file_warnings(media: MediaInfo) -> list[str]:
    """Return warnings about a file as a whole."""
    video = media.video
    if video is None or not (media.duration and video.average_fps):
        return []
    bits = 8 * media.size_bytes / (media.duration * video.average_fps * video.width * video.height)
    least = least_bits(video.codec)
    return (
        [f"strong_compression: {bits:.3f} bits a pixel, less than {least} with {video.codec}"] if bits < least else []
    )


def least_bits(codec: str) -> float:
    """Return the bits per pixel below which a video counts as strongly compressed."""
    return LEAST_BITS.get(codec, LEAST_BITS_OTHERS)


def _colour(lab_HW3: np.ndarray, points_N2: np.ndarray) -> np.ndarray:
    """Return the median colour of 5 x 5 pixels around some points."""
    height, width = lab_HW3.shape[:2]
    x_N, y_N = np.clip(points_N2.round().astype(int), 2, (width - 3, height - 3)).T
    around = np.arange(-2, 3)
    pixels = lab_HW3[y_N[:, None, None] + around[:, None], x_N[:, None, None] + around]
    return np.median(pixels.reshape(-1, 3), axis=0)
