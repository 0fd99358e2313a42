"""Turn a prepared `Clip` into the inputs of a model: mouth, face, log-mel and gates, as an `InputSpec` defines them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor
from torch.nn.functional import interpolate, pad

from npvf.clip import FAKE, FPS, MEL_PER_FRAME, POSTERIORS_PER_FRAME, REAL, SAMPLES_PER_FRAME, Clip, ClipMeta, Phones
from npvf.data.augment import Augment, center_crop
from npvf.errors import Reason, Refused
from npvf.faces.lips import OUTER_LIPS
from npvf.faces.mouth_geometry import mouth_geometry
from npvf.io import shards
from npvf.models.batch import InputSpec
from npvf.speech.gate import Gate, gate
from npvf.speech.mel import log_mel
from npvf.speech.recogniser import listen

# The mouth box follows the head, not the syllable: lips must move inside a box that hardly does.
SMOOTHING_FRAMES = 4.0
# Pixels around the mouth that augmentation may shift, turn and shrink into view.
MARGIN = 1.25
UNKNOWN_LABEL = -1


@dataclass(slots=True)
class Sample:
    """One clip as tensors. While it waits in memory its mouth is `MARGIN` larger than the model's.

    Shapes:
        mouth_TCHW: uint8; without pixels (H = W = 0) if the model takes none.
        face_TCHW: uint8, every `face_stride`-th frame: (ceil(T / face_stride), C, H, W).
        mel_TM: float32, (4 T, n_mels).
        geometry_TP2: float32, points of lips, jaw and cheeks; None where the model does not take them.
        posteriors_FP: uint8, (2 T, 191), the phone recogniser's posteriors; None where the model does not take them.
        gate_T, speech_T, forged_T: bool.
        start: where in its video the sample begins, in frames.
    """

    mouth_TCHW: Tensor
    face_TCHW: Tensor
    mel_TM: Tensor
    gate_T: Tensor
    speech_T: Tensor
    forged_T: Tensor
    label: int
    key: str
    video: str
    identity: str | None
    start: int
    face_stride: int
    geometry_TP2: Tensor | None = None
    posteriors_FP: Tensor | None = None

    @property
    def frames(self) -> int:
        """T."""
        return len(self.gate_T)

    def window(self, start: int, frames: int) -> Sample:
        """`frames` frames from `start`, fewer where the clip ends; `start` must be a multiple of `face_stride`.

        Where no frame of it is forged, its label is real.
        """
        if start % self.face_stride:
            raise ValueError(f"a window starts at a multiple of the face stride {self.face_stride}, not at {start}")
        end = min(start + frames, self.frames)
        forged_T = self.forged_T[start:end]
        heard = slice(start * POSTERIORS_PER_FRAME, end * POSTERIORS_PER_FRAME)
        return replace(
            self,
            mouth_TCHW=self.mouth_TCHW[start:end],
            face_TCHW=self.face_TCHW[start // self.face_stride : ceil(end / self.face_stride)],
            mel_TM=self.mel_TM[start * MEL_PER_FRAME : end * MEL_PER_FRAME],
            gate_T=self.gate_T[start:end],
            speech_T=self.speech_T[start:end],
            forged_T=forged_T,
            label=_window_label(self.label, forged_T),
            start=self.start + start,
            geometry_TP2=None if self.geometry_TP2 is None else self.geometry_TP2[start:end],
            posteriors_FP=None if self.posteriors_FP is None else self.posteriors_FP[heard],
        )


class ClipTransform:
    """`Clip` to `Sample`, in two steps so that the slow one is done once and the random one every time.

    Args:
        spec: the model's inputs.
        augment: random changes of picture and sound, or None for the plain view.
    """

    def __init__(self, spec: InputSpec, augment: Augment | None = None) -> None:
        self.spec = spec
        self.augmentation = augment

    def __call__(self, clip: Clip, generator: torch.Generator | None = None) -> Sample:
        """`crop`, then `augment`."""
        return self.augment(self.crop(clip), generator)

    def crop(self, clip: Clip) -> Sample:
        """Make everything that is the same whenever a clip is sampled; the mouth keeps its margin.

        Raises:
            Refused: NO_AUDIO or SILENT_AUDIO, a clip of a video without audio; silence must not replace it.
            ValueError: audio and video differ in length.
        """
        return self._crop(
            clip.face_THWC, clip.landmarks_TN2, clip.audio_N, clip.phones, clip.meta, posteriors_FP=clip.posteriors_FP
        )

    def crop_window(self, encoded: shards.Sample, start: int, frames: int) -> Sample:
        """`crop` of an encoded clip and then `Sample.window`: the same tensors, but only the window's video is decoded.

        Raises:
            Refused, ValueError: as `crop`.
        """
        landmarks_TN2 = shards.decode_landmarks(encoded)
        audio_N = shards.decode_audio(encoded)
        stop = min(start + frames, len(landmarks_TN2))
        face_THWC = shards.decode_faces(encoded, start, stop - start)
        phones, posteriors_FP = shards.decode_phones(encoded), shards.decode_posteriors(encoded)
        return self._crop(face_THWC, landmarks_TN2, audio_N, phones, encoded.meta, start, posteriors_FP)

    def _crop(
        self,
        face_THWC: np.ndarray,
        landmarks_TN2: np.ndarray,
        audio_N: np.ndarray,
        phones: Phones,
        meta: ClipMeta,
        start: int = 0,
        posteriors_FP: np.ndarray | None = None,
    ) -> Sample:
        """The window whose video is `face_THWC`, from frame `start` on, of a clip of which all else is given whole."""
        if meta.no_sound:
            raise Refused(Reason(meta.no_sound), f"{meta.key} has no sound to compare with its lips.")
        spec, total = self.spec, len(landmarks_TN2)
        if len(audio_N) != total * SAMPLES_PER_FRAME:
            raise ValueError(f"{meta.key}: {len(audio_N)} samples of sound for {total} frames")
        window = slice(start, start + len(face_THWC))

        def passes(which: Gate) -> Tensor:
            return torch.from_numpy(gate(phones, total, which, frozenset(spec.critical), spec.gate_pad)[window])

        geometry_TP2 = heard_FP = None
        if "geometry" in spec.picture:
            geometry_TP2 = torch.from_numpy(mouth_geometry(landmarks_TN2)[window])
        if "phones" in spec.sound:
            heard_FP = _posteriors(posteriors_FP, audio_N, window)
        forged_T = torch.from_numpy(forged_frames(meta, total)[window])
        if "pixels" in spec.picture:
            mouth_TCHW = crop_mouth(face_THWC, landmarks_TN2, with_margin(spec.mouth_size), spec, start)
        else:
            mouth_TCHW = torch.empty(len(face_THWC), spec.mouth_channels, 0, 0, dtype=torch.uint8)
        return Sample(
            mouth_TCHW=mouth_TCHW,
            face_TCHW=resize(face_THWC[:: spec.face_stride], spec.face_size, spec.face_channels),
            mel_TM=_mel(audio_N, window),
            gate_T=passes(spec.gate),
            speech_T=passes("all"),
            forged_T=forged_T,
            label=_window_label(UNKNOWN_LABEL if meta.label is None else meta.label, forged_T),
            key=meta.key,
            video=meta.video,
            identity=meta.identity,
            start=round(meta.span[0] * FPS) + start,
            face_stride=spec.face_stride,
            geometry_TP2=geometry_TP2,
            posteriors_FP=heard_FP,
        )

    def augment(self, sample: Sample, generator: torch.Generator | None = None) -> Sample:
        """Take the margin off, at random where there is augmentation: the same parameters for all frames."""
        if self.augmentation is None:
            size = self.spec.mouth_size if sample.mouth_TCHW.numel() else 0
            return replace(sample, mouth_TCHW=center_crop(sample.mouth_TCHW, size))
        augment, geometry_TP2, posteriors_FP = self.augmentation, sample.geometry_TP2, sample.posteriors_FP
        mouth_TCHW, face_TCHW = augment.picture(sample.mouth_TCHW, sample.face_TCHW, self.spec.mouth_size, generator)
        return replace(
            sample,
            mouth_TCHW=mouth_TCHW,
            face_TCHW=face_TCHW,
            mel_TM=augment.sound(sample.mel_TM, generator),
            geometry_TP2=None if geometry_TP2 is None else augment.geometry(geometry_TP2, generator),
            posteriors_FP=None if posteriors_FP is None else augment.phones(posteriors_FP, generator),
        )


def with_margin(size: int) -> int:
    """`MARGIN` times `size`, with an even number of pixels to spare so that the centre crop needs no resampling."""
    return size + 2 * round(size * (MARGIN - 1) / 2)


def _window_label(label: int, forged_T: Tensor) -> int:
    """A window of a forged clip that holds no forged frame is real."""
    return REAL if label == FAKE and not forged_T.any() else label


def _mel(audio_N: np.ndarray, window: slice) -> Tensor:
    """The log-mel of a window of frames. Its first and last mel frame look a little over its borders."""
    total = len(audio_N) // SAMPLES_PER_FRAME
    first, last = max(0, window.start - 1), min(total, window.stop + 1)
    part_N = audio_N[first * SAMPLES_PER_FRAME : last * SAMPLES_PER_FRAME]
    mel_TM = log_mel(torch.from_numpy(np.ascontiguousarray(part_N)))
    return mel_TM[(window.start - first) * MEL_PER_FRAME :][: (window.stop - window.start) * MEL_PER_FRAME]


def _posteriors(stored_FP: np.ndarray | None, audio_N: np.ndarray, window: slice) -> Tensor:
    """The recogniser's posteriors of a window of frames; where none are stored, it listens to the whole clip now."""
    posteriors_FP = listen(audio_N).posteriors_FP if stored_FP is None else stored_FP
    return torch.from_numpy(posteriors_FP[window.start * POSTERIORS_PER_FRAME : window.stop * POSTERIORS_PER_FRAME])


def crop_mouth(face_THWC: np.ndarray, landmarks_TN2: np.ndarray, size: int, spec: InputSpec, start: int = 0) -> Tensor:
    """Squares around the lips, of one scale for the whole clip: (T, C, size, size) uint8.

    `spec.mouth_span` pixels of the crop become `spec.mouth_size` pixels, whatever `size` (which may hold a margin).
    The centre is the outer lips' mean, smoothed over time. Beyond the crop its edge is repeated.

    Args:
        face_THWC: the frames of a window.
        landmarks_TN2: of the whole clip, so that a window's squares lie where the clip's do.
        start: the window's first frame.
    """
    centre_T2 = gaussian_filter1d(landmarks_TN2[:, OUTER_LIPS].mean(1), SMOOTHING_FRAMES, axis=0, mode="nearest")
    half = spec.mouth_span * size / spec.mouth_size / 2
    low = floor(centre_T2.min() - half)
    high = ceil(centre_T2.max() + half) - min(face_THWC.shape[1:3])
    border = max(0, -low, high)
    corners_T4 = np.concatenate([centre_T2 - half, centre_T2 + half], axis=1) + border
    # Only the rows and columns that some box touches: converting the whole crop to float costs more than the cut.
    x0, y0 = np.maximum(np.floor(corners_T4[:, :2].min(0)).astype(int) - 1, 0)
    x1, y1 = np.ceil(corners_T4[:, 2:].max(0)).astype(int) + 1
    if border:
        edges = ((0, 0), (border, border), (border, border), (0, 0))
        face_THWC = np.pad(face_THWC, edges, mode="edge")
    corners_T4 = corners_T4[start : start + len(face_THWC)]
    region_TCHW = _channels(face_THWC[:, y0:y1, x0:x1], spec.mouth_channels)
    index_T = np.arange(len(face_THWC))[:, None]
    boxes_T5 = torch.from_numpy(np.concatenate([index_T, corners_T4 - (x0, y0, x0, y0)], axis=1)).float()
    from torchvision.ops import roi_align  # takes more than a second to import, and models without pixels do without

    mouth_TCHW = roi_align(region_TCHW, boxes_T5, size, sampling_ratio=2, aligned=True)
    return mouth_TCHW.round_().clamp_(0, 255).byte()


def forged_frames(meta: ClipMeta, frames: int) -> np.ndarray:
    """Frames (T,) whose centre lies in a forged interval; all of them for a fake clip that says no intervals."""
    if meta.label != FAKE:
        return np.zeros(frames, dtype=bool)
    if not meta.intervals:
        return np.ones(frames, dtype=bool)
    centre_T = (np.arange(frames) + 0.5) / FPS
    return np.any([(start <= centre_T) & (centre_T < end) for start, end in meta.intervals], axis=0)


def _channels(picture_THWC: np.ndarray, channels: int) -> Tensor:
    """To (T, C, H, W) float32, gray by the luma of Rec. 601 where `channels` is 1."""
    picture_TCHW = torch.from_numpy(np.ascontiguousarray(picture_THWC)).permute(0, 3, 1, 2)
    if channels == 3:
        return picture_TCHW.float()
    red, green, blue = picture_TCHW.unbind(1)
    return (0.299 * red + 0.587 * green + 0.114 * blue).unsqueeze(1)


def resize(picture_THWC: np.ndarray, size: int, channels: int = 3) -> Tensor:
    """uint8 pictures to (T, `channels`, size, size), 3 RGB or 1 gray, without aliasing."""
    picture_TCHW = _channels(picture_THWC, channels)
    resized_TCHW = interpolate(picture_TCHW, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return resized_TCHW.round_().clamp_(0, 255).byte().contiguous()


def pad_time(value: Tensor, length: int) -> Tensor:
    """To `length` along the first axis, by repeating the last entry; boolean masks are padded with False."""
    missing = length - len(value)
    if missing == 0:
        return value
    if value.dtype == torch.bool:
        return pad(value, (0, missing))
    return torch.cat([value, value[-1:].expand(missing, *value.shape[1:])])
