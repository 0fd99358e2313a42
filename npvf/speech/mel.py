"""The log-mel spectrogram of audio: four mel frames per video frame, on the same clock."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import pad
from torchaudio.functional import melscale_fbanks, spectrogram

from npvf.clip import MEL_RATE, N_MELS, SAMPLE_RATE

HOP = SAMPLE_RATE // MEL_RATE
WINDOW = 400
N_FFT = 512
LOWEST_HZ, HIGHEST_HZ = 125.0, 7500.0
LOG_OFFSET = 0.01


def log_mel(audio: Tensor) -> Tensor:
    """Return the log-mel spectrogram of VGGish, the widely used "96 x 64, 0.96 s" input.

    Magnitude STFT (periodic Hann of 25 ms, hop 10 ms, 512 points), 64 HTK mel bands from 125 to 7500 Hz, log(x + 0.01).
    The paper states only 16 kHz and 96 x 64; the rest is our reading. The 25 ms window of mel frame m is centred on
    its 10 ms, [m/100, (m+1)/100) s, so mel frames 4t to 4t+3 are the audio of video frame t.
    Differentiable, on any device; the audio is padded with zeros on both sides.

    Args:
        audio: (..., N) floating point, 16 kHz mono in [-1, 1].

    Returns:
        (..., N // 160, 64) float32.

    Raises:
        ValueError: audio that is not floating point, or shorter than one hop (160 samples).

    Examples:
        >>> log_mel(torch.zeros(2, 16_000)).shape  # 1 s of audio of two clips
        torch.Size([2, 100, 64])
    """
    if not audio.is_floating_point():
        raise ValueError(f"log_mel wants floating point samples in [-1, 1], not {audio.dtype}")
    if audio.shape[-1] < HOP:
        raise ValueError(f"log_mel wants at least {HOP} samples, not {audio.shape[-1]}")
    side = (N_FFT - HOP) // 2
    window, bands = _front_end(audio.device)
    magnitude = spectrogram(
        pad(audio.float(), (side, side)),
        pad=0,
        window=window,
        n_fft=N_FFT,
        hop_length=HOP,
        win_length=WINDOW,
        power=1.0,
        normalized=False,
        center=False,
    )
    return torch.log(magnitude.transpose(-1, -2) @ bands + LOG_OFFSET)


@cache
def _front_end(device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the window (400,) and the filter bank (257, 64)."""
    bands = melscale_fbanks(N_FFT // 2 + 1, LOWEST_HZ, HIGHEST_HZ, N_MELS, SAMPLE_RATE, norm=None, mel_scale="htk")
    return torch.hann_window(WINDOW, device=device), bands.to(device)
