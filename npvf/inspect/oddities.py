"""List what is odd in a file, a sentence for each unusual measurement.

An oddity is a fact, and not a finding: most of them have a harmless cause (a messenger, an editor, a screen recorder).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import PurePath

from npvf.inspect.container import Container, Track
from npvf.inspect.streams import Streams, VideoFacts

# Programs that write files which another program or a camera made before.
CONVERTERS = ("Lavf", "HandBrake", "mkvmerge", "GPAC", "MP4Box", "ffmpeg")
ENDINGS = {
    "mov,mp4,m4a,3gp,3g2,mj2": {".mp4", ".mov", ".m4v", ".m4a", ".3gp", ".3g2", ".qt"},
    "matroska,webm": {".mkv", ".webm", ".mka"},
    "avi": {".avi"},
    "mpeg": {".mpg", ".mpeg", ".vob", ".m2p"},
    "mpegts": {".ts", ".mts", ".m2ts", ".m2t", ".mpegts"},
    "asf": {".wmv", ".asf"},
    "flv": {".flv"},
    "ogg": {".ogv", ".ogg"},
}
PRIMING = 0.15  # seconds: an encoder of sound puts a frame or two of silence before it, which an edit list takes off


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something unusual: a stable code, and a sentence that gives the measurement."""

    code: str
    sentence: str


def oddities(name: str, container: Container, streams: Streams, now: datetime | None = None) -> tuple[Oddity, ...]:
    """Return what is odd in a file.

    Args:
        name: of the file; its ending is compared with the format.
        container, streams: what was measured.
        now: no file was created later; default: the time of this machine.
    """
    checks: tuple[Callable[[], Iterator[Oddity]], ...] = (
        lambda: _structure(name, container),
        lambda: _programs(container, streams),
        lambda: _times(container, now or datetime.now(UTC)),
        lambda: _edits(container),
        lambda: _lengths(streams),
        lambda: (odd for stream in streams.video for odd in _video(stream)),
    )
    return tuple(odd for check in checks for odd in check())


def _structure(name: str, container: Container) -> Iterator[Oddity]:
    ending, known = PurePath(name).suffix.lower(), ENDINGS.get(container.format)
    if known and ending not in known:
        yield Oddity("ending_differs", f"the name ends with '{ending}', but the format is {container.format}")
    if container.major_brand == "qt" and ending in (".mp4", ".m4v"):
        yield Oddity("ending_differs", f"the name ends with '{ending}', but the brand is QuickTime")
    for sentence in container.damage:
        yield Oddity("boxes_damaged", sentence)
    if container.boxes and not container.major_brand:
        yield Oddity("no_brand", "the file has no box 'ftyp', which MP4 files have since 2001")
    runs, seconds = container.chunk_runs, max((track.seconds for track in container.tracks), default=0)
    if runs is not None and runs <= len(container.tracks) and seconds > 3:
        order = "one track is stored after the other" if runs > 1 else "only one track has chunks"
        yield Oddity("not_interleaved", f"{order} ({runs} runs of chunks in {seconds:.0f} s): players would wait")


def _programs(container: Container, streams: Streams) -> Iterator[Oddity]:
    """Programs that convert, and programs that contradict each other."""
    encoder = next((value for key, value in container.tags.items() if key.lower() == "encoder"), "")
    if encoder.startswith(CONVERTERS):
        yield Oddity("written_by_converter", f"the container was written by '{encoder}', a converter and not a camera")
    for handler in sorted({track.handler for track in container.tracks} - {""}):
        if "produced by" in handler and encoder:
            yield Oddity("other_program_named", f"a track says '{handler}', but the container '{encoder}'")
    for stream in streams.video:
        if len({(one.encoder, one.options) for one in stream.settings}) > 1:
            parts = ", ".join(f"{one.at:.2f} s" for one in stream.settings)
            yield Oddity(
                "joined_parts", f"encoder settings change within video stream {stream.index}: new ones at {parts}"
            )


def _times(container: Container, now: datetime) -> Iterator[Oddity]:
    named = [("the movie", container.created, container.modified)]
    named += [(f"track {track.id}", track.created, track.modified) for track in container.tracks]
    for what, created, modified in named:
        made, changed = _parsed(created), _parsed(modified)
        if made and made > now + timedelta(days=1):
            yield Oddity("created_in_the_future", f"{what} was created at {created}, which has not come yet")
        if made and changed and changed < made:
            yield Oddity("modified_before_created", f"{what} was created at {created} and modified at {modified}")
    moments = sorted(moment for _, created, _ in named if (moment := _parsed(created)))
    if moments and (apart := (moments[-1] - moments[0]).total_seconds()) > 60:
        yield Oddity("creation_times_differ", f"movie and tracks were created up to {apart:.0f} s apart")


def _parsed(time: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(time) if time else None
    except ValueError:
        return None


def _edits(container: Container) -> Iterator[Oddity]:
    for track in container.tracks:
        shown = [edit for edit in track.edits if edit.media_start is not None]
        if len(shown) > 1:
            yield Oddity(
                "cut_by_edit_list", f"{_named(track)} is put together from {len(shown)} parts by its edit list"
            )
        if shown and (start := shown[0].media_start or 0) > PRIMING:
            yield Oddity("start_hidden", f"{_named(track)} contains {start:.2f} s before its start that are not shown")
        hidden = track.seconds - sum(edit.seconds for edit in shown) - (shown[0].media_start or 0) if shown else 0
        if len(shown) == 1 and hidden > PRIMING and shown[0].seconds > 0 and not container.fragments:
            yield Oddity("end_hidden", f"{_named(track)} contains {hidden:.2f} s after its end that are not shown")
        if rates := {edit.rate for edit in shown} - {1.0}:
            yield Oddity("played_at_other_speed", f"{_named(track)} is played at {max(rates):g} times its speed")


def _named(track: Track) -> str:
    return f"track {track.id} ({track.kind})"


def _lengths(streams: Streams) -> Iterator[Oddity]:
    if len(streams.video) > 1:
        yield Oddity("several_video_streams", f"there are {len(streams.video)} video streams; npvf judges the first")
    if len(streams.audio) > 1:
        yield Oddity(
            "several_audio_streams", f"there are {len(streams.audio)} audio streams; npvf hears the default one"
        )
    for first, second in pairwise([*streams.video[:1], *streams.audio[:1]]):
        if abs(apart := second.start - first.start) > 0.2:
            yield Oddity(
                "starts_differ", f"the audio starts {abs(apart):.2f} s {'after' if apart > 0 else 'before'} the video"
            )
        ends = second.start + second.seconds - first.start - first.seconds
        if abs(ends) > 0.5:
            yield Oddity(
                "ends_differ", f"the audio ends {abs(ends):.2f} s {'after' if ends > 0 else 'before'} the video"
            )
    for stream in (*streams.video, *streams.audio):
        if stream.damaged:
            yield Oddity("packets_damaged", f"{stream.damaged} packets of stream {stream.index} are damaged")


def _video(stream: VideoFacts) -> Iterator[Oddity]:
    what = f"video stream {stream.index}"
    yield from _rate(stream, what)
    yield from _against_settings(stream, what)
    if stream.declared_frames and stream.declared_frames != stream.packets:
        yield Oddity("frames_missing", f"{what} declares {stream.declared_frames} frames and has {stream.packets}")
    if abs(stream.pixel_shape - 1) > 0.01:
        yield Oddity("pixels_not_square", f"a pixel of {what} is {stream.pixel_shape:.3f} times as wide as high")
    if stream.rotation % 90:
        yield Oddity("rotated_oddly", f"{what} is turned by {stream.rotation} degrees")
    if stream.interlaced:
        yield Oddity("interlaced", f"{what} has two fields a frame: lips are seen at two times")
    if stream.hdr:
        yield Oddity("hdr", f"{what} is HDR ({', '.join(stream.hdr)}): npvf looks at it in 8 bits")


def _rate(stream: VideoFacts, what: str) -> Iterator[Oddity]:
    steps = stream.steps
    if steps is None:
        return
    if steps.irregular > 0.02:
        yield Oddity(
            "frame_rate_varies",
            f"{steps.irregular:.0%} of the steps between frames of {what} are not {1000 * steps.usual:.1f} ms "
            f"(from {1000 * steps.least:.1f} to {1000 * steps.most:.1f} ms)",
        )
    if steps.most > max(5 * steps.usual, 0.2):
        yield Oddity(
            "frame_held", f"one frame of {what} is shown for {steps.most:.2f} s, from {steps.longest_at:.2f} s on"
        )


def _against_settings(stream: VideoFacts, what: str) -> Iterator[Oddity]:
    """Compare the stream with the settings that its encoder wrote into it: another tool changed it if they differ."""
    for settings in stream.settings:
        between = settings.value("keyint")
        if between and between.isdigit() and stream.longest_group and stream.longest_group > int(between):
            yield Oddity(
                "settings_contradicted",
                f"{settings.encoder} was told to set a key frame at least every {between} frames, but {what} has "
                f"{stream.longest_group} frames without one",
            )
        if settings.value("bframes") == "0" and stream.reordered:
            yield Oddity(
                "settings_contradicted",
                f"{settings.encoder} was told to reorder no frames, but those of {what} are reordered",
            )
