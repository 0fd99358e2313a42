"""Speech from eSpeak NG with the exact time of every phone, by the library in the espeakng-loader wheel."""

from __future__ import annotations

import _ctypes
import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from npvf.clip import SAMPLE_RATE, Phone, Phones
from npvf.errors import MissingDependency, NpvfError
from npvf.speech.inventory import SILENCE, from_espeak

# From eSpeak's speak_lib.h.
_SYNCHRONOUS, _PHONEME_EVENTS, _UTF8 = 2, 1, 1
_RATE, _PITCH, _PITCH_RANGE = 1, 3, 4
_EVENT_END, _EVENT_PHONEME = 0, 7

STOPS = frozenset({"p", "b", "t", "d", "k", "g", "ch", "jh"})
_LONGEST_CLOSURE = 0.12
_CLOSURE_AFTER_PAUSE = 0.06


@dataclass(frozen=True)
class Voice:
    """One of eSpeak's voices (language+variant), with a rate in words per minute, a pitch and its range in 0..100."""

    espeak: str
    rate: int = 155
    pitch: int = 50
    pitch_range: int = 50


VOICES = (
    Voice("en-us+f3", 150, 52),
    Voice("en-us+m3", 155, 42),
    Voice("en-gb-x-rp+f4", 158, 58, 60),
    Voice("en-us+victor", 150, 46),
    Voice("en-us+linda", 155, 45, 40),
    Voice("en-gb-scotland+m7", 148, 50, 55),
    Voice("en-us+f1", 145, 40, 60),
    Voice("en-us+Michael", 160, 56, 45),
    Voice("en-029+f5", 150, 46, 65),
    Voice("en-us-nyc+m4", 165, 60, 60),
    Voice("en-us+Alex", 145, 30, 55),
    Voice("en-gb-x-gbcwmd+Annie", 152, 40, 45),
)


@dataclass(frozen=True)
class Speech:
    """Spoken audio: audio_N float32 mono at 16 kHz, and its phones (source "times")."""

    audio_N: np.ndarray
    phones: Phones

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return len(self.audio_N) / SAMPLE_RATE


def speak(text: str, voice: Voice = VOICES[0]) -> Speech:
    """Say `text`. The same call gives the same samples. Raises MissingDependency without espeakng-loader.

    eSpeak reports a voiceless stop at its release; here the silent closure before it belongs to the stop.
    """
    with _espeak() as espeak:
        audio, rate, events = espeak.say(text, voice)
    bounds = [time for _, time in events] + [len(audio) / rate]
    items = [Phone(SILENCE, 0.0, bounds[0])]
    for (mnemonic, start), end in zip(events, bounds[1:], strict=True):
        phones = from_espeak(mnemonic)
        if not phones:  # a linking glide (";" between vowels) belongs to the sound before it
            items[-1] = replace(items[-1], end=end)
        edges = np.linspace(start, end, len(phones) + 1)
        for phone, a, b in zip(phones, edges, edges[1:], strict=False):
            onset = float(a)
            if phone in STOPS:
                onset = _closure_onset(audio, rate, onset, after=items[-1])
                items[-1] = replace(items[-1], end=onset)
            items.append(Phone(phone, onset, float(b)))
    sound = resample_poly(audio, SAMPLE_RATE, rate).astype(np.float32)
    return Speech(sound, Phones(_tidy(items), "times"))


def _closure_onset(audio: np.ndarray, rate: int, release: float, after: Phone) -> float:
    """Find the start of the closure before `release`, at most 0.12 s back and never before the middle of `after`.

    The closure is 20 dB below the loudest part of the last 0.25 s, since some voices have a faint echo.
    """
    if after.phone == SILENCE:
        return max(release - _CLOSURE_AFTER_PAUSE, after.start)
    step = int(0.005 * rate)
    end = int(release * rate) // step
    pieces = audio[max(0, end - 50) * step : end * step].reshape(-1, step)
    loudness = np.sqrt(np.mean(pieces**2, axis=1))
    hushed = loudness < 0.1 * loudness.max(initial=0)
    run = int(np.argmin(hushed[::-1])) if not hushed.all() else 0
    earliest = max(release - _LONGEST_CLOSURE, (after.start + after.end) / 2)
    return min(release, max(earliest, release - run * 0.005))


def _tidy(items: list[Phone]) -> tuple[Phone, ...]:
    """Remove empty phones and join neighbouring silences."""
    tidy: list[Phone] = []
    for item in items:
        if item.end - item.start < 1e-4:
            continue
        if tidy and tidy[-1].phone == item.phone == SILENCE:
            item = replace(item, start=tidy.pop().start)
        tidy.append(item)
    return tuple(tidy)


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # milliseconds
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _Espeak:
    """The C library, freshly started. It is not thread-safe."""

    def __init__(self, library: str, data: str) -> None:
        self.lib = ctypes.CDLL(library)
        self.rate = self.lib.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _PHONEME_EVENTS)
        if self.rate <= 0:
            raise NpvfError(f"eSpeak NG does not start with its data in {data}: reinstall espeakng-loader")
        self.lib.espeak_ng_SetRandSeed(ctypes.c_long(1))  # it starts from the time of day
        self._callback = _CALLBACK(self._receive)  # kept: C holds a pointer to it
        self.lib.espeak_SetSynthCallback(self._callback)
        self._pieces: list[np.ndarray] = []
        self._events: list[tuple[str, float]] = []

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        if count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        at = 0
        while events[at].type != _EVENT_END:
            if events[at].type == _EVENT_PHONEME:
                self._events.append((events[at].id.string.decode(), events[at].audio_position / 1000))
            at += 1
        return 0

    def say(self, text: str, voice: Voice) -> tuple[np.ndarray, int, list[tuple[str, float]]]:
        if self.lib.espeak_SetVoiceByName(voice.espeak.encode()) != 0:
            raise NpvfError(f"eSpeak NG has no voice {voice.espeak!r}")
        for parameter, value in ((_RATE, voice.rate), (_PITCH, voice.pitch), (_PITCH_RANGE, voice.pitch_range)):
            self.lib.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode()
        if self.lib.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None) != 0:
            raise NpvfError(f"eSpeak NG could not say {text!r}")
        audio = np.concatenate(self._pieces).astype(np.float32) / 32768
        return audio, self.rate, self._events


@contextmanager
def _espeak() -> Iterator[_Espeak]:
    """Load the library anew and unload it after use (a few milliseconds).

    The state of eSpeak's oscillators survives the end of a sentence and even its termination. Only a newly loaded
    library gives the same samples for a sentence in any order and process.
    """
    try:
        import espeakng_loader
    except ImportError as error:
        raise MissingDependency("the embedded corpus speaks with eSpeak NG: pip install 'npvf[demo]'") from error
    espeak = _Espeak(str(espeakng_loader.get_library_path()), str(espeakng_loader.get_data_path()))
    try:
        yield espeak
    finally:
        espeak.lib.espeak_Terminate()
        _ctypes.dlclose(espeak.lib._handle)
