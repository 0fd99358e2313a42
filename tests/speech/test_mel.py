import numpy as np
import pytest
import torch

from npvf.clip import N_MELS, SAMPLE_RATE, SAMPLES_PER_FRAME
from npvf.speech.mel import HIGHEST_HZ, LOWEST_HZ, log_mel


@pytest.mark.parametrize("frames", [1, 24, 75])
def test_four_mel_frames_a_video_frame(frames):
    assert log_mel(torch.zeros(frames * SAMPLES_PER_FRAME)).shape == (4 * frames, N_MELS)


def test_a_partial_hop_at_the_end_makes_no_frame():
    assert log_mel(torch.zeros(1599)).shape == (9, N_MELS)


def test_silence_is_the_logarithm_of_the_offset():
    assert torch.allclose(log_mel(torch.zeros(3200)), torch.full((20, N_MELS), float(np.log(0.01))))


def test_batches_are_computed_one_by_one():
    audio = torch.randn(2, 3, 3200, generator=torch.Generator().manual_seed(0))
    batched = log_mel(audio)
    assert batched.shape == (2, 3, 20, N_MELS)
    assert torch.allclose(batched[1, 2], log_mel(audio[1, 2]), atol=1e-5)


def test_a_click_is_loudest_in_the_mel_frame_that_holds_it():
    for sample in (80, 8000 + 80, 15_920):
        audio = torch.zeros(16_000)
        audio[sample] = 1.0
        energy = log_mel(audio).sum(-1)
        assert energy.argmax().item() == sample // 160


def test_a_naive_spectrogram_agrees():
    """Window by window with NumPy, and a filter bank of triangles on the HTK scale."""
    rng = np.random.default_rng(0)
    audio = rng.normal(0, 0.1, 1600)
    padded = np.concatenate([np.zeros(120), audio, np.zeros(120)])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    spectra = np.stack([np.abs(np.fft.rfft(padded[k : k + 400] * window, 512)) for k in range(0, 1600, 160)])

    def mel(hz):
        return 2595 * np.log10(1 + np.asarray(hz) / 700)

    edges = 700 * (10 ** (np.linspace(mel(LOWEST_HZ), mel(HIGHEST_HZ), N_MELS + 2) / 2595) - 1)
    bins = np.linspace(0, SAMPLE_RATE / 2, 257)
    up = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    expected = np.log(spectra @ np.maximum(0, np.minimum(up, down)) + 0.01)
    assert np.allclose(log_mel(torch.from_numpy(audio)).numpy(), expected, atol=1e-4)


def test_gradients_flow():
    audio = torch.randn(1600, generator=torch.Generator().manual_seed(0)).requires_grad_()
    log_mel(audio).sum().backward()
    assert audio.grad is not None
    assert audio.grad.isfinite().all()


def test_whole_numbers_and_scraps_are_refused():
    with pytest.raises(ValueError, match="floating point"):
        log_mel(torch.zeros(1600, dtype=torch.int16))
    with pytest.raises(ValueError, match="160"):
        log_mel(torch.zeros(100))
