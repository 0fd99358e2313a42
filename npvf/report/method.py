"""The detector in a report: its error rates, its settings, its weights, and the machine."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from npvf.detect.card import ModelCard, alarm_row, card_text, figure_row
from npvf.detect.detector import Detector
from npvf.detect.predictor import Predictor
from npvf.detect.quality import Mark
from npvf.detect.reproduce import model_hashes, versions
from npvf.models.pretrained import read_config
from npvf.prepare.ingest import DEFAULTS


@dataclass(frozen=True, slots=True)
class Method:
    """The detector of a report.

    Attributes:
        name: of the folder, or of the predictor if it has no folder.
        alarms, figures: rows of the model card, see `npvf.detect.card`; empty if nothing is recorded.
        limits: what is known not to work.
        card: the whole model card in Markdown; "" without a folder.
        settings: every setting by its dotted name.
        hashes: SHA-256 of configuration and weights by file; empty if the detector was not loaded from a folder.
        versions: of Python, npvf and the packages.
        machine: the operating system and processor.
    """

    name: str
    alarms: Sequence[Sequence[str]]
    figures: Sequence[Sequence[str]]
    limits: Sequence[str]
    card: str
    settings: Mapping[str, str]
    hashes: Mapping[str, str]
    versions: Mapping[str, str]
    machine: str

    @classmethod
    def of(cls, detector: Predictor) -> Method:
        """Collect what is recorded of a detector."""
        folder, card, text = detector.folder, ModelCard(), ""
        hashes: Mapping[str, str] = {}
        if folder is not None:
            card, text = ModelCard.from_json(read_config(folder).get("card", {})), card_text(folder)
            hashes = {name: value for name, value in model_hashes(folder).items() if name != "folder"}
        return cls(
            folder.resolve().name if folder else detector.settings.name,
            [alarm_row(one) for one in card.false_alarms],
            [figure_row(one) for one in card.figures],
            card.limits,
            text,
            dict(all_settings(detector)),
            hashes,
            versions(),
            platform.platform(),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the settings, hashes and versions, as a bundle keeps them."""
        return {
            "detector": self.name,
            "settings": dict(self.settings),
            "weights_sha256": dict(self.hashes),
            "versions": dict(self.versions),
            "machine": self.machine,
        }


def all_settings(detector: Predictor) -> Iterator[tuple[str, str]]:
    """Yield every setting of a detector, of its parts, and of the preparation of a video."""
    yield from _flat("", detector.settings.to_json())
    if isinstance(detector, Detector):
        for name, part in detector.parts.items():
            yield from _flat(f"{name}.", part.settings.to_json())
        for name, ratio in detector.likelihood.items():
            yield from _flat(f"{name}.likelihood.", ratio.to_json())
    yield from _flat("preparation.", DEFAULTS.to_json())


def harder(warnings: Sequence[str], marks: Sequence[Mark]) -> list[str]:
    """Return the conditions of a video in which errors are more frequent, or that rule a judgement out."""
    in_marks = {"small_face", "short_clip"} if marks else set()
    pairs = [warning.partition(": ")[::2] for warning in warnings]
    found = [text or code for code, text in pairs if code not in in_marks]
    for mark in marks:
        if mark.level != "good":
            face = "" if mark.face is None else f" of face {mark.face + 1}"
            found.append(f"{mark.name}{face}: {mark.value:.3g} {mark.unit}, {mark.reason}")
    return found


def _flat(prefix: str, content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", f"{value:.6g}" if isinstance(value, float) else str(value)
