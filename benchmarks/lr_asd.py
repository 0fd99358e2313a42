"""LR-ASD, an active speaker detector, on prepared clips: does this mouth speak this audio?

LR-ASD (Liao et al., IJCV 2025, MIT licence) is not a part of npvf. `LRASD` imports its network and loads its weights
from a copy of its repository, on the CPU. The crop and the MFCC are those of its `Columbia_test.py`, written here from
their definitions.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from scipy.fft import dct
from scipy.signal import medfilt
from torch import Tensor, nn

from npvf.clip import FPS, MEL_RATE, SAMPLE_RATE, Clip
from npvf.metrics.sync import MIN_FRAMES
from npvf.metrics.sync_embeddings import Streams

WEIGHTS = "weight/finetuning_TalkSet.model"  # fine-tuned on talking faces in the wild
CROP_SCALE, SIDE, GRAY = 0.40, 112, 110
SMOOTH = 13  # frames of the median over boxes
# python_speech_features.mfcc(audio, 16000, numcep=13, winlen=0.025, winstep=0.010)
WINDOW, STEP, FFT, FILTERS, CEPSTRA, LIFTER, PREEMPHASIS = 400, SAMPLE_RATE // MEL_RATE, 512, 26, 13, 22, 0.97


class LRASD:
    """Its network, with the front ends apart from the back end, which joins any picture with any sound.

    Args:
        folder: a copy of its repository.

    Raises:
        SystemExit: the folder is another one.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / WEIGHTS).is_file():
            raise SystemExit(f"{folder} is not a copy of LR-ASD: {WEIGHTS} is missing")
        sys.path.insert(0, str(folder.resolve()))
        try:
            self.network: Any = import_module("model.Model").ASD_Model()
        finally:
            sys.path.remove(str(folder.resolve()))
        self.classify = nn.Linear(128, 2)
        state = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
        self.network.load_state_dict(_part(state, "model."))
        self.classify.load_state_dict(_part(state, "lossAV.FC."))
        self.network.eval()

    @torch.no_grad()
    def embed(self, clip: Clip) -> tuple[Tensor, Tensor]:
        """Return the features of the picture and of the sound of a clip, (T, 128) each."""
        faces_THW = torch.from_numpy(face_crops(clip.face_THWC, clip.landmarks_TN2)).float()
        mfcc_MC = torch.from_numpy(mfcc(clip.audio_N)[: len(faces_THW) * MEL_RATE // FPS]).float()
        v_TD = self.network.forward_visual_frontend(faces_THW[None])[0]
        return v_TD, self.network.forward_audio_frontend(mfcc_MC[None])[0, : len(v_TD)]

    @torch.no_grad()
    def logits(self, v_NTD: Tensor, a_NTD: Tensor) -> Tensor:
        """Return how sure it is in each frame that this mouth speaks this sound: (N, T)."""
        joined = self.network.forward_audio_visual_backend(a_NTD, v_NTD)
        return self.classify(joined)[:, 1].view(v_NTD.shape[:2])


class JudgedPairs(Streams):
    """Compares the picture of any clip with the sound of any clip: the mean of LR-ASD's logits over common frames."""

    def __init__(self, detector: LRASD, features: Sequence[tuple[Tensor, Tensor]]) -> None:
        self.detector, self.features = detector, features
        self.lengths = [len(v_TD) for v_TD, _ in features]

    def frames(self, clip: int, span: slice) -> int:
        """All frames count."""
        return len(range(*span.indices(self.lengths[clip])))

    def curve(self, picture: int, sound: int, max_offset: int, span: slice = slice(None)) -> np.ndarray:
        """Each offset is judged on its own: the detector sees only the frames that both have."""
        v_TD, a_TD = self.features[picture][0][span], self.features[sound][1][span]
        values = np.full(2 * max_offset + 1, np.nan)
        for index, offset in enumerate(range(-max_offset, max_offset + 1)):
            first_v, first_a = max(0, -offset), max(0, offset)
            common = min(len(v_TD) - first_v, len(a_TD) - first_a)
            if common >= MIN_FRAMES:
                pair = v_TD[None, first_v : first_v + common], a_TD[None, first_a : first_a + common]
                values[index] = float(self.detector.logits(*pair).mean())
        return values

    def matrix(self, segments: Sequence[tuple[int, int]], frames: int) -> np.ndarray:
        """Each pair of segments is judged on its own."""
        v, a = (
            torch.stack([self.features[clip][side][first : first + frames] for clip, first in segments])
            for side in (0, 1)
        )
        rows = [self.detector.logits(one[None].expand_as(a).contiguous(), a).mean(1).numpy() for one in v]
        return np.stack(rows)


def face_crops(face_THWC: np.ndarray, landmarks_TN2: np.ndarray) -> np.ndarray:
    """Return its view of the face: gray, (T, 112, 112) uint8.

    Its square is 2.8 times half the height of the face's box, moved down by 0.4 of it, of which it takes the middle
    half. The box is that of all landmarks, which a face detector's box resembles; both are smoothed by a median.
    """
    low_T2, high_T2 = landmarks_TN2.min(1), landmarks_TN2.max(1)
    half_T = _smooth((high_T2 - low_T2).max(1) / 2)
    x_T, y_T = (_smooth(values) for values in ((low_T2 + high_T2) / 2).T)
    return np.stack([_crop(*frame) for frame in zip(face_THWC, x_T, y_T, half_T, strict=True)])


def _crop(frame_HWC: np.ndarray, x: float, y: float, half: float) -> np.ndarray:
    reach = half * (1 + CROP_SCALE) / 2  # half the side of the middle half
    scale = (SIDE - 1) / (2 * reach)
    centre = (SIDE - 1) / 2
    transform = np.array([(scale, 0, centre - scale * x), (0, scale, centre - scale * (y + CROP_SCALE * half))])
    gray_HW = cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2GRAY)
    return cv2.warpAffine(gray_HW, transform, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderValue=GRAY)


def _smooth(values_T: np.ndarray) -> np.ndarray:
    return medfilt(np.pad(values_T, SMOOTH, mode="edge"), SMOOTH)[SMOOTH:-SMOOTH]


def mfcc(audio_N: np.ndarray) -> np.ndarray:
    """Return mel-frequency cepstral coefficients at 100 frames a second: (N,) in [-1, 1] at 16 kHz -> (N / 160, 13).

    As of 16-bit samples. The first coefficient is the logarithm of the frame's energy.
    """
    samples_N = np.rint(audio_N.astype(np.float64) * 32767)
    emphasised_N = np.append(samples_N[:1], samples_N[1:] - PREEMPHASIS * samples_N[:-1])
    frames = 1 + max(0, int(np.ceil((len(emphasised_N) - WINDOW) / STEP)))
    padded_N = np.pad(emphasised_N, (0, max(0, (frames - 1) * STEP + WINDOW - len(emphasised_N))))
    framed_MW = np.lib.stride_tricks.sliding_window_view(padded_N, WINDOW)[::STEP][:frames]
    power_MF = np.square(np.abs(np.fft.rfft(framed_MW, FFT))) / FFT
    tiny = np.finfo(float).eps
    bands_MB = np.maximum(power_MF @ _mel_filters().T, tiny)
    cepstra_MC = dct(np.log(bands_MB), norm="ortho")[:, :CEPSTRA]
    cepstra_MC *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER)
    cepstra_MC[:, 0] = np.log(np.maximum(power_MF.sum(1), tiny))
    return cepstra_MC


def _mel_filters() -> np.ndarray:
    """Return triangles between whole bins of the spectrum, (26, 257), equally spaced on the mel scale."""
    highest = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, highest, FILTERS + 2) / 2595) - 1)
    bins = np.floor((FFT + 1) * hertz / SAMPLE_RATE)
    filters = np.zeros((FILTERS, FFT // 2 + 1))
    for row, (low, peak, high) in enumerate(zip(bins, bins[1:], bins[2:], strict=False)):
        up, down = np.arange(low, peak), np.arange(peak, high)
        filters[row, up.astype(int)] = (up - low) / (peak - low)
        filters[row, down.astype(int)] = (high - down) / (high - peak)
    return filters


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
