"""The one way from a raw video to clips; `npvf prepare` and the detector both take it.

The file is read in one pass, frames and audio together. Who speaks is only known when every face has been seen, so
finished pieces wait encoded in a temporary folder, and memory holds no more than the pieces under way, however long
the video is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from npvf.clip import FPS, POSTERIORS_PER_FRAME, SAMPLES_PER_FRAME, Clip, ClipMeta, Phones, PhoneSource
from npvf.errors import Reason, Refused
from npvf.faces.backend import Backend
from npvf.faces.landmarks import MAX_FACES, Landmarker
from npvf.faces.speaking import energy_envelope
from npvf.io.annotations import NO_ANNOTATION, Annotation, Intervals, cut_label, cut_stream_labels
from npvf.io.files import sha256
from npvf.io.masks import VideoMasks
from npvf.io.shards import Sample, clip_key, decode_clip, encode_sample, pack_posteriors
from npvf.media.decode import spool_audio, to_float
from npvf.media.probe import VideoStream
from npvf.media.recording import Recording, open_recording
from npvf.prepare.face_masks import FaceMask, check_masks, follow_mask
from npvf.prepare.pieces import SpooledPiece, spool_pieces
from npvf.prepare.speaker import Lips, find_speakers
from npvf.speech.recogniser import Heard, listen, silent_posteriors
from npvf.speech.sources import find_phones
from npvf.version import __version__

_BLOCK = 60 * FPS  # frames of sound looked at together
# A full-scale level of -60 dB, the least that `energy_envelope` returns, reads as this value there.
_SILENT_DB = -57.0


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """The settings that determine the clips of a video.

    Attributes:
        max_seconds: longer tracks are cut into pieces of this length.
        max_faces: the largest number of faces that are followed at the same time.
        phones: a phone source by name, or "auto": the best one there is for the video.
        need_sound: refuse videos without sound. Where it is False their clips say why (`no_sound`) and no face of
            them is the speaker: there is only a picture to judge.
        audio_track: the number of the audio track, from 1; None: the one that speaks.
        landmarks: what runs MediaPipe's face networks (`npvf.faces.backend`).
    """

    max_seconds: float = 20.0
    max_faces: int = MAX_FACES
    phones: PhoneSource | Literal["auto"] = "auto"
    need_sound: bool = True
    audio_track: int | None = None
    landmarks: Backend = "litert"

    def to_json(self) -> dict[str, Any]:
        """Return the content for `dataset.json`."""
        return asdict(self)


DEFAULTS = IngestSettings()


@dataclass(frozen=True, slots=True)
class Ingested:
    """A video whose faces and sounds have been found.

    Attributes:
        frames: its length at 25 frames a second.
        faces: face tracks of at least 0.96 s.
        phone_source: the source of the phone times; None without audio.
        samples: its clips, encoded as in a shard, in order of start, then track. Can be read once.
    """

    frames: int
    faces: int
    phone_source: PhoneSource | None
    samples: Iterator[Sample]


def read_clips(
    path: str | Path,
    landmarker: Landmarker,
    *,
    video_id: str | None = None,
    annotation: Annotation = NO_ANNOTATION,
    settings: IngestSettings = DEFAULTS,
) -> Iterator[Clip]:
    """Every face of a video as clips of 0.96 to `settings.max_seconds` seconds, one at a time in memory.

    The clips are those that `npvf prepare` would store, the losses of their encoding included, so that a detector
    judges what it was trained on.

    Args:
        path: any video.
        landmarker: is reset; its `max_faces` holds, not the settings'.
        video_id: `ClipMeta.video`; default: the file name.
        annotation: what is known of the video.
        settings: how to cut it.

    Raises:
        Refused: NOT_FOUND, UNDECODABLE, NO_VIDEO, TOO_SHORT, NO_FACE, FACE_TOO_SMALL, BAD_CROPS or BAD_SIDECAR, and
            NO_AUDIO or SILENT_AUDIO if `settings.need_sound`.
            SEVERAL_VOICES is not used: voices without faces cannot be counted reliably here, and two faces that speak
            in turn are allowed.
    """
    with open_recording(path, track=settings.audio_track) as recording:
        yield from clips_of(recording, landmarker, video_id=video_id, annotation=annotation, settings=settings)


def clips_of(
    recording: Recording,
    landmarker: Landmarker,
    *,
    video_id: str | None = None,
    annotation: Annotation = NO_ANNOTATION,
    settings: IngestSettings = DEFAULTS,
) -> Iterator[Clip]:
    """Like `read_clips`, for a video that is open already; `settings.audio_track` does not count."""
    with ingest(recording, landmarker, video_id=video_id, annotation=annotation, settings=settings) as video:
        yield from map(decode_clip, video.samples)


@contextmanager
def ingest(
    recording: Recording,
    landmarker: Landmarker,
    *,
    video_id: str | None = None,
    annotation: Annotation = NO_ANNOTATION,
    settings: IngestSettings = DEFAULTS,
    mask: Path | None = None,
    audio: Path | None = None,
    content_hash: str | None = None,
    spool: Path | None = None,
) -> Iterator[Ingested]:
    """Like `read_clips`, but the clips stay encoded. They are kept in a temporary folder, in `spool` if it is given.

    `audio` is the file that has the sound where the video has none: its first sample sounds at the first picture. With
    a `mask` (`npvf.io.masks`) they hold the forged pixels of their crops, and their labels follow these. Raises
    Refused(BAD_MASK) where it cannot be read or belongs to another video.
    """
    path, stream = recording.info.path, recording.info.video
    assert stream is not None  # a recording has a video stream
    if settings.need_sound and audio is None and not recording.has_sound:
        raise Refused(Reason.NO_AUDIO, f"{path.name} has no audio stream.")
    with tempfile.TemporaryDirectory(dir=spool, prefix="spool-") as folder:
        try:
            frames, pieces = spool_pieces(recording, landmarker, settings.max_seconds, Path(folder))
        except Refused as refusal:
            # A file without sound as well is refused for its sound.
            if settings.need_sound and refusal.reason is Reason.NO_FACE:
                _Sound.of(recording, audio, needed=True)
            raise
        sound = _Sound.of(recording, audio, settings.need_sound)
        masks = None if mask is None else VideoMasks(mask, frames, (stream.height, stream.width))
        if masks is not None:
            check_masks(masks, annotation)
        video = _Video(
            id=video_id or path.name,
            sha256=content_hash or sha256(path),
            stream=stream,
            faces=len({piece.lips.track for piece in pieces}),
            said=annotation,
            sound=sound,
            phones=sound.phones(path, annotation.transcript, settings.phones),
            masks=masks,
            settings=settings,
            changed=tuple(recording.changes),
        )
        speakers = sound.speakers([piece.lips for piece in pieces], frames)
        samples = (video.sample(piece, *speaks) for piece, speaks in zip(pieces, speakers, strict=True))
        yield Ingested(frames, video.faces, None if sound.missing else video.phones.source, samples)


@dataclass(frozen=True, slots=True)
class _Video:
    """The facts that the clips of one video share."""

    id: str
    sha256: str
    stream: VideoStream
    faces: int
    said: Annotation
    sound: _Sound
    phones: Phones
    masks: VideoMasks | None
    settings: IngestSettings
    changed: tuple[str, ...]

    def sample(self, piece: SpooledPiece, speaking: float | None, is_speaker: bool) -> Sample:
        """One clip, encoded."""
        mask = forged_T = None
        if self.masks is not None:
            mask = piece.mask(self.masks)
            # The mask of a video in whose picture nothing is forged says nothing of a forged sound.
            forged_T = mask.forged_T if self.masks.forged else None
        meta = self._meta(piece, speaking, is_speaker, forged_T)
        return _encoded(piece, self.sound, self.phones, meta, mask)

    def _meta(
        self, piece: SpooledPiece, speaking: float | None, is_speaker: bool, forged_T: np.ndarray | None
    ) -> ClipMeta:
        said = self.said
        label, (audio_label, video_label), intervals = _labels(said, piece.span, forged_T)
        return ClipMeta(
            key=clip_key(self.id, piece.lips.track, piece.number),
            video=self.id,
            source_sha256=self.sha256,
            track=piece.lips.track,
            span=piece.span,
            faces=self.faces,
            speaking=speaking,
            is_speaker=is_speaker,
            no_sound=self.sound.missing,
            source_fps=self.stream.average_fps,
            source_size=(self.stream.width, self.stream.height),
            source_codec=self.stream.codec,
            label=label,
            manipulation=said.manipulation,
            identity=said.identity,
            identities=said.identities,
            original=said.original,
            split=said.split,
            intervals=intervals,
            audio_label=audio_label,
            video_label=video_label,
            category=said.category,
            attributes=dict(said.attributes),
            settings={**self.settings.to_json(), **versions()},
            media={"changed": list(self.changed)},
        )


def _labels(
    said: Annotation, span: tuple[float, float], forged_T: np.ndarray | None
) -> tuple[int | None, tuple[int | None, int | None], Intervals]:
    """Label, labels of sound and picture, and forged spans of a piece; `forged_T` where its mask has a say in them."""
    label, intervals = cut_label(said.label, said.intervals, *span)
    audio, video = cut_stream_labels(said.audio_label, said.video_label, said.intervals, *span)
    if forged_T is not None:
        label, video, intervals = follow_mask(label, said.audio_label, video, intervals, forged_T)
    return label, (audio, video), intervals


@cache
def versions() -> dict[str, str]:
    """Return the versions of all packages that influence the clips, without those that are not installed."""
    found = {"npvf": __version__}
    for package in ("av", "ai-edge-litert", "hama", "pocketsphinx"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


@dataclass(slots=True)
class _Sound:
    """A video's audio, (N,) int16, and its energy a frame, or why it has none.

    `heard` is what the phone recogniser heard where it was needed for the phones. Elsewhere a second pass for the
    posteriors would cost as much again; a model that takes them listens itself.
    """

    audio_N: np.ndarray
    energy_T: np.ndarray
    missing: Reason | None = None
    heard: Heard | None = None

    @classmethod
    def of(cls, recording: Recording, file: Path | None, needed: bool) -> _Sound:
        """Decode the audio of a recording whose frames have been read, or of the file that has the audio."""
        path = recording.info.path if file is None else file
        try:
            audio_N = recording.audio() if file is None else spool_audio(file, changes=recording.changes)
            energy_T = _energy(audio_N)
            if not len(energy_T) or energy_T.max() < _SILENT_DB:
                raise Refused(Reason.SILENT_AUDIO, f"{path.name}: all of its audio stays below -60 dB full scale.")
        except Refused as refusal:
            if needed or refusal.reason not in (Reason.NO_AUDIO, Reason.SILENT_AUDIO):
                raise
            return cls(np.zeros(0, np.int16), np.zeros(0), refusal.reason)
        return cls(audio_N, energy_T)

    def phones(self, path: Path, transcript: str | None, source: PhoneSource | Literal["auto"]) -> Phones:
        if self.missing:
            return Phones((), "voice_activity")
        return find_phones(self.audio_N, path, transcript, source, self._listen)

    def _listen(self) -> Heard:
        self.heard = listen(self.audio_N)
        return self.heard

    def posteriors(self, start: int, stop: int) -> np.ndarray | None:
        """The recogniser's posteriors of some video frames; past the end of the audio they are those of silence."""
        if self.heard is None:
            return None
        first, last = start * POSTERIORS_PER_FRAME, stop * POSTERIORS_PER_FRAME
        inside_FP = self.heard.posteriors_FP[first:last]
        missing = last - first - len(inside_FP)
        return np.concatenate([inside_FP, np.repeat(silent_posteriors(), missing, axis=0)]) if missing else inside_FP

    def speakers(self, lips: list[Lips], frames: int) -> list[tuple[float | None, bool]]:
        """Call `find_speakers`; without audio nobody speaks."""
        if self.missing:
            return [(None, False)] * len(lips)
        return [*find_speakers(lips, _fitted(self.energy_T, frames))]


def _energy(audio_N: np.ndarray) -> np.ndarray:
    """`energy_envelope` of int16 sound, a minute at a time; a last frame that is not full is left out."""
    step = _BLOCK * SAMPLES_PER_FRAME
    blocks = [energy_envelope(to_float(audio_N[at : at + step])) for at in range(0, len(audio_N), step)]
    return np.concatenate(blocks) if blocks else np.zeros(0)


def _fitted(values_T: np.ndarray, length: int) -> np.ndarray:
    """To `length`. Where the sound ends before the picture there is silence: its lowest value in dB, or 0."""
    quiet = values_T.min() if values_T.dtype.kind == "f" else 0
    return np.pad(values_T[:length], (0, max(0, length - len(values_T))), constant_values=quiet)


def _encoded(piece: SpooledPiece, sound: _Sound, phones: Phones, meta: ClipMeta, mask: FaceMask | None) -> Sample:
    """Return a piece with the audio and the phones of its span."""
    start, end = piece.span
    sound_N = sound.audio_N[piece.lips.start * SAMPLES_PER_FRAME : piece.lips.stop * SAMPLES_PER_FRAME]
    posteriors_FP = sound.posteriors(piece.lips.start, piece.lips.stop)
    frames = piece.lips.stop - piece.lips.start
    return encode_sample(
        face_mp4=piece.stem.with_suffix(".mp4").read_bytes(),
        track_npz=piece.stem.with_suffix(".npz").read_bytes(),
        audio_N=to_float(_fitted(sound_N, frames * SAMPLES_PER_FRAME)),
        phones=phones.between(start, end, -start),
        meta=meta,
        mask_npz=None if mask is None else mask.packed,
        posteriors_npz=None if posteriors_FP is None else pack_posteriors(posteriors_FP),
    )
