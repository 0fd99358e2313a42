"""Audio codecs: real encoders and decoders. The frames are copied unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from typing import cast

import av
import numpy as np
from scipy.signal import firwin

from npvf.media.decode import to_float, to_int16
from npvf.media.transcode import blocks_of, need_encoder
from npvf.perturb.registry import perturbation
from npvf.perturb.sound import convolved
from npvf.perturb.video_edit import VideoEdit

_TELEPHONE_RATE = 8000
_TELEPHONE_BAND = (300.0, 3400.0)  # Hz, ITU-T G.712
_FRAME = 160  # samples: 20 ms
# Encoder, decoder, and the delay of both in samples: AMR looks 5 ms ahead.
_NARROW_BAND = {"G.711 mu-law": ("pcm_mulaw", "pcm_mulaw", 0), "AMR": ("libopencore_amrnb", "amrnb", 40)}


@perturbation("sound", (64, 48, 32, 24, 16), "MP3 at {} kbit/s")
def mp3(video: VideoEdit, kbps: int, rng: np.random.Generator) -> VideoEdit:
    """Encode the audio with LAME."""
    return video.recoded("libmp3lame", kbps, _usual_rate(kbps))


@perturbation("sound", (64, 48, 32, 24, 16), "AAC at {} kbit/s")
def aac(video: VideoEdit, kbps: int, rng: np.random.Generator) -> VideoEdit:
    """Encode the audio with FFmpeg's AAC-LC."""
    return video.recoded("aac", kbps, _usual_rate(kbps))


@perturbation("sound", (32, 24, 16, 12, 8), "Opus at {} kbit/s")
def opus(video: VideoEdit, kbps: int, rng: np.random.Generator) -> VideoEdit:
    """Encode the audio with libopus, which works at 48 kHz and chooses the bandwidth."""
    audio_N, rate = video.audio(48_000)
    return video.with_audio(blocks_of(audio_N, rate), rate, "libopus", kbps)


@perturbation(
    "sound",
    (
        ("G.711 mu-law", 64.0),
        ("AMR", 12.2),
        ("AMR", 7.4),
        ("AMR", 5.9),
        ("AMR", 4.75),
    ),
    "300 to 3400 Hz at 8 kHz, {} at {} kbit/s",
)
def telephone(video: VideoEdit, coder: tuple[str, float], rng: np.random.Generator) -> VideoEdit:
    """Simulate a telephone line: band pass, 8 kHz, G.711 mu-law or AMR narrow-band, and back."""
    audio_N, rate = video.audio(_TELEPHONE_RATE)
    band_pass = firwin(257, _TELEPHONE_BAND, fs=rate, pass_zero=False)
    limited = convolved(blocks_of(audio_N, rate), band_pass, delay=128)
    return video.with_audio(_through(limited, *coder, length=len(audio_N)), rate)


def _usual_rate(kbps: float) -> int:
    """Return the sample rate that encoders choose for mono at a bit rate: at low ones, treble would use all bits."""
    return 44_100 if kbps >= 48 else 24_000 if kbps >= 32 else 16_000


def _through(blocks: Iterable[np.ndarray], codec: str, kbps: float, length: int) -> Iterator[np.ndarray]:
    """Encode and decode at 8 kHz, remove the delay of the codec, and cut or pad to `length` samples."""
    encoder, decoder, skip = _NARROW_BAND[codec]
    need_encoder(encoder)
    coder = cast(av.AudioCodecContext, av.CodecContext.create(encoder, "w"))
    coder.sample_rate, coder.layout, coder.format = _TELEPHONE_RATE, "mono", "s16"
    coder.bit_rate, coder.time_base = round(1000 * kbps), Fraction(1, _TELEPHONE_RATE)
    player = cast(av.AudioCodecContext, av.CodecContext.create(decoder, "r"))
    player.sample_rate, player.layout = _TELEPHONE_RATE, "mono"
    left = length
    for samples in _decoded(player, _packets(coder, blocks)):
        heard, skip = samples[skip:][:left], max(0, skip - len(samples))
        left -= len(heard)
        yield heard
    yield np.zeros(left, np.float32)


def _packets(coder: av.AudioCodecContext, blocks: Iterable[np.ndarray]) -> Iterator[av.Packet | None]:
    """Yield packets of 20 ms; silence at the end flushes the samples that a coder delays."""
    rest, place = np.zeros(0, np.int16), 0
    for block in chain(blocks, [np.zeros(2 * _FRAME, np.float32)]):
        rest = np.concatenate([rest, to_int16(block)])
        whole = len(rest) // _FRAME * _FRAME
        for at in range(0, whole, _FRAME):
            frame = av.AudioFrame.from_ndarray(rest[None, at : at + _FRAME], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = _TELEPHONE_RATE, place, Fraction(1, _TELEPHONE_RATE)
            place += _FRAME
            yield from coder.encode(frame)
        rest = rest[whole:]
    yield from coder.encode(None)
    yield None


def _decoded(player: av.AudioCodecContext, packets: Iterable[av.Packet | None]) -> Iterator[np.ndarray]:
    for packet in packets:
        for frame in player.decode(packet):
            samples = frame.to_ndarray()[0]
            yield samples if samples.dtype == np.float32 else to_float(samples)
