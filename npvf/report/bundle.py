"""A bundle: report, verdicts, settings and the hashes of everything in one zip file, and the check of such a file.

`manifest.json` has the SHA-256 of each file in the bundle and of each input video. It shows a change of any of them, as
long as the manifest itself is the one that was made: keep its hash elsewhere, or have it stamped (`npvf.report.stamp`).
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from npvf.detect.predictor import Predictor
from npvf.detect.verdict import Judgement
from npvf.errors import NpvfError
from npvf.io.files import atomic_write, sha256
from npvf.report.method import Method
from npvf.report.stamp import STAMP, Stamp, read_stamp, request_stamp
from npvf.version import __version__

MANIFEST = "manifest.json"
FORMAT = "npvf bundle 1"
LARGEST_MANIFEST = 10_000_000  # bytes; a manifest has about 150 for each file


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check.

    Attributes:
        differences: a sentence for each file that is missing, was added or differs; empty: everything is the same.
        same: names of files and videos whose hashes are those of the manifest.
        manifest_sha256: of the manifest itself.
        made: when the bundle was made, as the manifest says.
        videos: name and hash of each input.
        stamp: the time stamp of the manifest; None: it has none.
    """

    differences: list[str]
    same: list[str]
    manifest_sha256: str
    made: str
    videos: list[dict[str, Any]]
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class BundleSettings:
    """The settings of a bundle: the options of the run, by name, and the address of a time stamping authority."""

    options: Mapping[str, Any] = field(default_factory=dict)
    authority: str | None = None


def verdicts_json(judgements: Sequence[Judgement]) -> str:
    """Return the list of verdicts as JSON, numbers with four decimals."""
    return json.dumps([_rounded(j.verdict.to_json()) for j in judgements], indent=2, ensure_ascii=False)


def write_bundle(
    path: str | Path,
    judgements: Sequence[Judgement],
    detector: Predictor,
    html: str,
    settings: BundleSettings | None = None,
) -> str:
    """Write a bundle, and return the SHA-256 of its manifest.

    Args:
        path: the zip file; its folder is made.
        judgements: the verdicts, each with its file.
        detector: made the verdicts.
        html: the report, as `npvf.report.report.render_report` returns it.
        settings: None: without options and time stamp.

    Raises:
        NpvfError: an input has changed since it was judged; or there is no time stamp.
        OSError: the file cannot be written.
    """
    settings = settings or BundleSettings()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    method = Method.of(detector)
    run = {"options": dict(settings.options), **method.to_json()}
    files = {
        "report.html": html.encode("utf-8", "backslashreplace"),
        "verdicts.json": verdicts_json(judgements).encode("utf-8", "backslashreplace"),
        "settings.json": json.dumps(run, indent=2, default=str).encode(),
        **({"card.md": method.card.encode()} if method.card else {}),
        **_masks(judgements),
    }
    listed = {name: {"sha256": _hash(content), "bytes": len(content)} for name, content in files.items()}
    manifest = {
        "format": FORMAT,
        "npvf": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "videos": [_input(judgement) for judgement in judgements],
        "files": listed,
    }
    content = json.dumps(manifest, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace")
    stamp = request_stamp(settings.authority, content) if settings.authority else None
    with atomic_write(path) as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr(MANIFEST, content)
        if stamp is not None:
            archive.writestr(STAMP, stamp)
    return _hash(content)


def check_bundle(path: str | Path, videos: Sequence[str | Path] = (), trust: Path | None = None) -> Checked:
    """Check a bundle against its manifest.

    Nothing is unpacked to the disk, and of each file no more is read than the manifest says that it has.

    Args:
        path: the zip file.
        videos: files whose hashes must be among the inputs of the bundle.
        trust: certificates (PEM) of time stamping authorities; None: the signature of the stamp is not checked.

    Raises:
        NpvfError: the file or a video cannot be read, or it is not a bundle.
    """
    try:
        with ZipFile(path) as archive:
            content, manifest = _read_manifest(archive, Path(path).name)
            differences, same = _check_files(archive, manifest["files"])
            stamp = None
            if STAMP in archive.namelist():
                stamp = read_stamp(_read(archive, STAMP, LARGEST_MANIFEST), content, trust)
    except (OSError, BadZipFile) as error:
        raise NpvfError(f"{path} cannot be read: {error}. Give the zip file that npvf detect --bundle wrote") from error
    if stamp is not None and stamp.problem:
        differences.append(f"{STAMP}: {stamp.problem}")
    known = {entry["sha256"] for entry in manifest["videos"] if entry.get("sha256")}
    for video in map(Path, videos):
        if not video.exists():
            raise NpvfError(f"{video} is not there: give --video the file that was judged")
        if sha256(video) in known:
            same.append(video.name)
        else:
            differences.append(f"{video}: its SHA-256 is not among the videos of the bundle")
    return Checked(differences, same, _hash(content), manifest["made"], manifest["videos"], stamp)


def _read_manifest(archive: ZipFile, name: str) -> tuple[bytes, dict[str, Any]]:
    try:
        content = _read(archive, MANIFEST, LARGEST_MANIFEST)
        manifest = json.loads(content)
        if manifest["format"] != FORMAT:
            raise NpvfError(f"{name} is a bundle of another version of npvf ({manifest['format']})")
        entries = [*manifest["files"].values()]
        if not all(isinstance(entry["sha256"], str) and isinstance(entry["bytes"], int) for entry in entries):
            raise TypeError("hash and size of a file are missing")
        if not all(isinstance(entry, dict) for entry in manifest["videos"]) or not isinstance(manifest["made"], str):
            raise TypeError("its videos or its time are missing")
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, NotImplementedError, zlib.error) as error:
        raise NpvfError(f"{name} is not a bundle: its {MANIFEST} cannot be read ({error})") from error
    return content, manifest


def _check_files(archive: ZipFile, listed: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Return the differences, and the names of the files that are the same."""
    names = archive.namelist()
    differences = [f"{name}: is in the bundle twice" for name in sorted({n for n in names if names.count(n) > 1})]
    differences += [f"{name}: was added to the bundle" for name in names if name not in {*listed, MANIFEST, STAMP}]
    same = []
    for name, entry in listed.items():
        if name not in names:
            differences.append(f"{name}: is missing")
            continue
        try:
            equal = _hash(_read(archive, name, entry["bytes"])) == entry["sha256"]
        except (BadZipFile, ValueError, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
            differences.append(f"{name}: cannot be read ({error})")
            continue
        if equal:
            same.append(name)
        else:
            differences.append(f"{name}: differs from what the manifest lists")
    return differences, same


def _read(archive: ZipFile, name: str, most: int) -> bytes:
    """Return the content of a file in a zip file. Raises ValueError if it is longer than `most` bytes."""
    with archive.open(name) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it has more than {most} bytes")
    return content


def _input(judgement: Judgement) -> dict[str, Any]:
    """Return the name and hash of an input; without a hash if the file is not there."""
    name = Path(judgement.verdict.video).name
    file = judgement.file
    if file is None or not file.exists():
        return {"name": name, "path": judgement.verdict.video, "sha256": judgement.sha256 or None}
    found = sha256(file)
    if judgement.sha256 and found != judgement.sha256:
        raise NpvfError(f"{name} has changed since it was judged: judge it again for a bundle")
    size = None if file.is_dir() else file.stat().st_size
    return {"name": name, "path": judgement.verdict.video, "sha256": found, "bytes": size}


def _masks(judgements: Sequence[Judgement]) -> dict[str, bytes]:
    """Return the videos of forged pixels, by their names in the bundle."""
    masks = [Path(track.mask) for judgement in judgements for track in judgement.verdict.tracks if track.mask]
    return {f"masks/{mask.name}": mask.read_bytes() for mask in masks}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _rounded(value: Any) -> Any:
    """Round all numbers in a JSON value to four decimals."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value
