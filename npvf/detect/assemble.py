"""Make a `Detector` of methods that were trained apart, such as your localizer beside the detector in the package."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from npvf.clip import FindingName
from npvf.detect.detector import KEY, Detector
from npvf.detect.findings import MOUTH_MOTION, NAMES, PICTURE, SOUND_AND_LIPS
from npvf.detect.loading import folder_with, predictor_folder, predictor_in
from npvf.errors import NpvfError
from npvf.io.files import write_json
from npvf.models.pretrained import CONFIG_FILE, read_config

KEYS: Mapping[FindingName, str] = {SOUND_AND_LIPS: "detector", MOUTH_MOTION: "mouth_motion", PICTURE: "localizer"}
"""The key of `config.json` in the folder of each method (`npvf.detect.loading.FOLDERS`)."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """The folders that a detector is made of.

    Args:
        detector: the folder or name of a `Detector`, whose methods and likelihood ratios are kept; None: only `added`.
        added: the folders of further methods by the names of their findings. They have no likelihood ratio yet, so
            they support nothing until `npvf calibrate` has fitted one.

    Raises:
        NpvfError: a folder holds another kind of method, the detector has this method already, or mouth motion was
            fitted with an encoder that is not that of sound and lips.
    """

    detector: Path | str | None
    added: Mapping[FindingName, Path]

    def __post_init__(self) -> None:
        if self.detector is None and not self.added:
            raise NpvfError("name a detector, or the methods to make one of")
        if twice := sorted({*self.added} & {*self._kept()}):
            raise NpvfError(f"{self.detector} has a method for {', '.join(twice)} already: leave it out")
        for name, folder in self.added.items():
            if name not in KEYS:
                raise NpvfError(f"there is no finding {name!r}: it is one of {', '.join(NAMES)}")
            folder_with(KEYS[name], folder)
        shared = self._kept().get(SOUND_AND_LIPS) or self.added.get(SOUND_AND_LIPS)
        own = self._encoder()
        if own is not None and (shared is None or predictor_folder(shared).resolve() != own):
            raise NpvfError(
                f"mouth motion was fitted with the encoder {own}, which has to be that of sound and lips: "
                f"add sound_and_lips={own}, or fit it with the other one (npvf motion --encoder)"
            )

    def load(self, device: str = "cpu") -> Detector:
        """Return the detector."""
        base = None if self.detector is None else Detector.from_pretrained(self.detector, device)
        parts: dict[FindingName, Any] = {} if base is None else dict(base.parts)
        for name, folder in self.added.items():
            parts[name] = predictor_in(predictor_folder(folder), device)
        if self._encoder() is not None:  # a clip is encoded once
            parts[MOUTH_MOTION].encoder = parts[SOUND_AND_LIPS].encoder
        if base is None:
            return Detector(parts)
        return Detector(
            parts, base.likelihood, replace(base.settings, name="+".join([base.settings.name, *self.added]))
        )

    def copy(self, out: Path) -> None:
        """Copy the folders of all methods into that of the detector; `Detector.save_settings` writes the rest."""
        if self.detector is not None:
            shutil.copytree(predictor_folder(self.detector), out, dirs_exist_ok=True)
        for name, folder in self.added.items():
            shutil.copytree(predictor_folder(folder), out / name)
        if self._encoder() is not None:  # it is that of sound and lips, and found there from now on
            content = read_config(out / MOUTH_MOTION)
            content[KEYS[MOUTH_MOTION]]["encoder"] = f"../{SOUND_AND_LIPS}"
            write_json(out / MOUTH_MOTION / CONFIG_FILE, content)

    def _encoder(self) -> Path | None:
        """The folder of the encoder that an added mouth motion was fitted with, if it was."""
        if MOUTH_MOTION not in self.added:
            return None
        folder = predictor_folder(self.added[MOUTH_MOTION])
        named = read_config(folder)[KEYS[MOUTH_MOTION]].get("encoder")
        return None if named is None else (folder / named).resolve()

    def _kept(self) -> dict[FindingName, Path]:
        """The folders of the methods of `detector`."""
        if self.detector is None:
            return {}
        folder = folder_with(KEY, self.detector)
        return {name: folder / name for name in NAMES if name in read_config(folder)[KEY]["likelihood"]}
