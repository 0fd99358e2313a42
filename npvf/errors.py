"""The reasons to refuse a video, each with a stable code, and the other errors that users see."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Stable codes. Manifests and verdicts contain them, and scripts depend on them."""

    NOT_FOUND = "not_found"
    UNDECODABLE = "undecodable"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    NO_VIDEO = "no_video_stream"
    NO_AUDIO = "no_audio"
    SILENT_AUDIO = "silent_audio"
    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    BAD_CROPS = "bad_crops"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_LITTLE_SPEECH = "too_little_speech"
    OUT_OF_SYNC = "out_of_sync"
    FACE_DOES_NOT_MOVE = "face_does_not_move"
    MOUTH_HIDDEN = "mouth_hidden"
    MUSIC_OR_NOISE = "music_or_noise"
    NOBODY_HERE_SPEAKS = "nobody_here_speaks"
    SUNG = "sung"
    SEVERAL_VOICES = "several_voices"
    DUPLICATE = "duplicate"
    BAD_SIDECAR = "bad_sidecar"
    BAD_MASK = "bad_mask"
    LISTED_TWICE = "listed_twice"
    NOT_LISTED = "not_listed"
    TOOL_MISSING = "tool_missing"


class NpvfError(Exception):
    """The base class of npvf's errors. The message says what is wrong and what to do."""


class Refused(NpvfError):
    """A video that cannot be used, with a stable `reason` code and a sentence for people."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(f"{reason}: {sentence}")
        self.reason = reason
        self.sentence = sentence

    def __reduce__(self) -> tuple[type[Refused], tuple[Reason, str]]:
        # `npvf prepare --workers` sends exceptions from one process to another.
        return type(self), (self.reason, self.sentence)


class MissingDependency(NpvfError):
    """An optional package or file is missing. The message contains the command that installs it."""
