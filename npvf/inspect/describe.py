"""Describe the facts of a file in words, for the terminal and for the report."""

from __future__ import annotations

from collections.abc import Iterator

from npvf.inspect.container import Container, tree_of_types
from npvf.inspect.credentials import Credentials
from npvf.inspect.facts import FileFacts
from npvf.inspect.streams import AudioFacts, StreamFacts, VideoFacts


def fact_rows(facts: FileFacts) -> Iterator[tuple[str, str]]:
    """Yield a name and a text for each fact; the name is "" where a row continues the one before."""
    yield "file", f"{facts.size} bytes, sha256 {facts.sha256}"
    yield from _container(facts.container)
    streams: tuple[VideoFacts | AudioFacts, ...] = (*facts.streams.video, *facts.streams.audio)
    for stream in streams:
        yield from _stream(stream)
    for other in facts.streams.other:
        yield f"stream {other.index}", f"{other.kind}: {other.codec}{_tags(other)}"
    yield from _credentials(facts.credentials)
    if not facts.oddities:
        yield "odd", "nothing"
    for odd in facts.oddities:
        yield "odd", odd.sentence


def _container(container: Container) -> Iterator[tuple[str, str]]:
    brands = f", brand {container.major_brand} ({' '.join(container.compatible_brands)})" if container.boxes else ""
    yield "container", f"{container.format}{brands}"
    if tags := {key: value for key, value in container.tags.items() if "brand" not in key and "version" not in key}:
        yield "tags", "; ".join(f"{key}: {value}" for key, value in tags.items())
    if container.boxes:
        yield "created", f"{container.created or 'not given'}, modified {container.modified or 'not given'}"
        yield "boxes", tree_of_types(container.boxes)
    for track in container.tracks:
        edits = "; ".join(
            f"{edit.seconds:.3f} s from {edit.media_start:.3f} s"
            if edit.media_start is not None
            else f"nothing for {edit.seconds:.3f} s"
            for edit in track.edits
        )
        made = f", created {track.created}" if track.created else ""
        yield (
            f"track {track.id}",
            f"{track.kind} {track.sample_entry}, {track.seconds:.3f} s in {track.chunks} chunks{made}"
            + (f", shown: {edits}" if edits else ""),
        )


def _stream(stream: VideoFacts | AudioFacts) -> Iterator[tuple[str, str]]:
    times = f"{stream.start:.3f} to {stream.start + stream.seconds:.3f} s, {stream.bit_rate / 1000:.0f} kbit/s"
    name = f"{stream.codec} {stream.profile or ''}".strip()
    if isinstance(stream, AudioFacts):
        sound = f"{stream.sample_rate} Hz, {stream.channels} channels ({stream.layout})"
        yield f"stream {stream.index}", f"audio: {name}, {sound}, {times}{_tags(stream)}"
        return
    shape = f", pixels {stream.pixel_shape:.3f} : 1" if stream.pixel_shape != 1 else ""
    turned = f", turned by {stream.rotation} degrees" if stream.rotation else ""
    picture = f"{stream.width} x {stream.height}{shape}{turned}, {stream.pixel_format}, {stream.bits} bits"
    colours = f"primaries {stream.primaries}, transfer {stream.transfer}, matrix {stream.matrix}"
    yield f"stream {stream.index}", f"video: {name}, {picture}, {times}{_tags(stream)}"
    yield "", f"{colours}, range {stream.colour_range}, HDR: {', '.join(stream.hdr) or 'no'}"
    varies = f", {stream.steps.irregular:.0%} of the steps irregular" if stream.steps else ""
    yield "", f"{stream.packets} frames, {stream.average_fps:.3f} a second{varies}; {stream.key_frames} key frames"
    yield "", f"{stream.bits_per_pixel:.4f} bits per pixel"
    for settings in stream.settings:
        yield settings.encoder, f"at {settings.at:.2f} s: {settings.options}"


def _tags(stream: StreamFacts) -> str:
    return "".join(f"; {key}: {value}" for key, value in stream.tags.items())


def _credentials(found: Credentials) -> Iterator[tuple[str, str]]:
    yield "credentials", f"{found.state}: {found.reason}" if found.state != "not_read" else found.reason
    if found.signer or found.issuer:
        yield "signed by", f"{found.signer} of {found.issuer}{f', {found.signed_at}' if found.signed_at else ''}"
    if found.claim_generator:
        yield "made with", f'"{found.claim_generator}"'
    for one in found.declared:
        yield "declared", ", ".join(f'"{text}"' for text in (one.action, one.source_type, one.program) if text)
