"""The networks that can be exported, each as a module of tensors with names, and what their inputs mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from npvf.clip import FPS, MEL_PER_FRAME, POSTERIORS_PER_FRAME
from npvf.detect.loading import predictor_folder
from npvf.errors import NpvfError
from npvf.export.portable_motion import PortableMouthMotion
from npvf.faces.mouth_motion import WINDOW
from npvf.models.frame_classifier import FrameClassifier
from npvf.models.motion.mouth_motion import MouthMotion
from npvf.models.npv.npv import NPV
from npvf.models.pretrained import CONFIG_FILE, WEIGHTS_FILE, PretrainedModel
from npvf.models.stddl.stddl import STDDL

Axes = tuple[str | int, ...]
_POSTERIORS = "255 times the square root of the phone recogniser's posteriors (hama), two frames for each video frame"
_GEOMETRY = (
    "x and y of 64 points of lips, jaw and cheeks, relative to the bridge of the nose, over the distance of the outer "
    f"eye corners (npvf.faces.mouth_geometry), at {FPS} frames a second"
)


@dataclass(frozen=True, slots=True)
class Input:
    """One input: its axes ("batch", "frames", "2*frames" or a number), its type, and what it holds."""

    axes: Axes
    dtype: str
    meaning: str

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Return the shape for sizes of "batch" and "frames"."""
        return tuple(axis if isinstance(axis, int) else _size(axis, sizes) for axis in self.axes)

    def example(self, sizes: Mapping[str, int], generator: torch.Generator) -> Tensor:
        """Return a random input."""
        shape = self.shape(sizes)
        if self.dtype == "uint8":
            return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        return torch.randn(shape, generator=generator)


@dataclass(frozen=True, slots=True)
class Network:
    """A module with named inputs and outputs.

    Attributes:
        name: of its file.
        module: in evaluation mode; takes the inputs in their order and returns a tensor or a tuple.
        inputs, outputs: by name; the outputs in words.
        least_frames: the shortest clip.
    """

    name: str
    module: nn.Module
    inputs: Mapping[str, Input]
    outputs: Mapping[str, str]
    least_frames: int = 1

    def examples(self, batch: int, frames: int, seed: int = 0) -> tuple[Tensor, ...]:
        """Return random inputs."""
        generator, sizes = torch.Generator().manual_seed(seed), {"batch": batch, "frames": frames}
        return tuple(one.example(sizes, generator) for one in self.inputs.values())

    def describe(self) -> dict[str, Any]:
        """Return the inputs and outputs for `preprocessing.json`."""
        inputs = {k: {"shape": list(i.axes), "dtype": i.dtype, "meaning": i.meaning} for k, i in self.inputs.items()}
        return {"inputs": inputs, "outputs": dict(self.outputs), "least_frames": self.least_frames}


class PersonFreeStreams(nn.Module):
    """The two streams of an NPV encoder that takes geometry and phones alone; all frames are valid.

    Shape:
        geometry (B, T, P, 2) float32, posteriors (B, 2 T, 191) uint8 -> viseme (B, T, D) and audio (B, T, D), of unit
        length; their product, summed over D, is the agreement of lips and audio.
    """

    def __init__(self, model: NPV) -> None:
        super().__init__()
        self.viseme_tower, self.audio_tower = model.viseme_tower, model.audio_tower
        self.viseme_layers, self.audio_layers = model.viseme_head.layers, model.audio_head.layers

    def forward(self, geometry: Tensor, posteriors: Tensor) -> tuple[Tensor, Tensor]:
        valid_BT = torch.ones(geometry.shape[:2], dtype=torch.bool, device=geometry.device)
        viseme_BTD = self.viseme_tower((), (geometry, valid_BT))
        audio_BTD = self.audio_tower((), (posteriors,))
        return _unit(self.viseme_layers, viseme_BTD), _unit(self.audio_layers, audio_BTD)


def _unit(layers: nn.Module, x_BTD: Tensor) -> Tensor:
    z_BTP = layers(x_BTD.flatten(0, 1)).unflatten(0, x_BTD.shape[:2])
    return nn.functional.normalize(z_BTP.float(), dim=-1)


def networks_of(name_or_folder: str | Path | None = None) -> list[Network]:
    """Return the networks of a detector, an encoder or a registered family's folder.

    Args:
        name_or_folder: as in `npvf.from_pretrained`.

    Raises:
        NpvfError: there is no such folder, or one of its networks cannot be exported; the text says why.
    """
    folder = predictor_folder(name_or_folder)
    parts = sorted(path.parent for path in folder.rglob(CONFIG_FILE) if (path.parent / WEIGHTS_FILE).is_file())
    return [network_of(PretrainedModel.from_pretrained(part), _name(folder, part)) for part in parts]


def network_of(model: PretrainedModel, name: str) -> Network:
    """Return the network of one model.

    Raises:
        NpvfError: it cannot be exported.
    """
    if isinstance(model, MouthMotion):
        return _mouth_motion(model, name)
    if isinstance(model, FrameClassifier):
        return _frames(model, name)
    spec = model.config.inputs if isinstance(model, NPV) else None
    if isinstance(model, NPV) and spec and (spec.picture, spec.sound) == (("geometry",), ("phones",)):
        return _person_free(model, name)
    raise NpvfError(
        f"{model.config.name} cannot be exported: {_obstacle(model)}. mouth_motion, the frame classifiers and NPV with "
        "geometry and phones alone can be (docs/models.md)"
    )


def _obstacle(model: PretrainedModel) -> str:
    if isinstance(model, NPV):
        return "torch.export cannot trace its Swin windows over time for any length"
    if isinstance(model, STDDL) and model.config.motion == "none":
        return "npvf does not export localizers yet"
    return "torch.export cannot trace its mesh of landmarks, which depends on their values"


def _person_free(model: NPV, name: str) -> Network:
    spec = model.config.inputs
    return Network(
        name,
        PersonFreeStreams(model).eval(),
        {
            "geometry": Input(("batch", "frames", spec.geometry_points, 2), "float32", _GEOMETRY),
            "posteriors": Input(("batch", f"{POSTERIORS_PER_FRAME}*frames", spec.posteriors), "uint8", _POSTERIORS),
        },
        {
            "viseme": "(batch, frames, width), unit length",
            "audio": "(batch, frames, width), unit length; the sum of viseme * audio over width is the agreement",
        },
        least_frames=5,  # the width of the temporal convolutions
    )


def _mouth_motion(model: MouthMotion, name: str) -> Network:
    motion, agreement = model.config.motion, model.config.agreement
    return Network(
        name,
        PortableMouthMotion(model).eval(),
        {
            "motion": Input(
                ("batch", len(motion)),
                "float32",
                f"statistics of windows of {WINDOW} frames (npvf.faces.mouth_motion): {', '.join(motion)}",
            ),
            "agreement": Input(
                ("batch", len(agreement)),
                "float32",
                f"of the clip (npvf.detect.mouth_motion): {', '.join(agreement)}; NaN where it is unknown",
            ),
        },
        {"logit": "(batch,), above 0 for a generator; config.json of the detector has the calibration"},
    )


def _frames(model: FrameClassifier, name: str) -> Network:
    spec = model.config.inputs
    size = (spec.face_channels, spec.face_size, spec.face_size)
    meaning = f"aligned face crops, RGB, scaled to {spec.face_size} px, every {spec.face_stride} frames; not normalised"
    inputs = {"face": Input(("batch", *size), "uint8", meaning)}
    return Network(name, model.eval(), inputs, {"logit": "(batch,), a fake is above 0"})


def _name(folder: Path, part: Path) -> str:
    inside = part.relative_to(folder).as_posix()
    return "model" if inside == "." else inside.replace("/", "-")


def _size(axis: str, sizes: Mapping[str, int]) -> int:
    factor, _, name = axis.rpartition("*")
    return int(factor or 1) * sizes[name]


def clock() -> dict[str, Any]:
    """Return the rates that all networks share, for `preprocessing.json`."""
    return json.loads(json.dumps({"video_fps": FPS, "audio_hz": 16_000, "mel_frames_per_video_frame": MEL_PER_FRAME}))
