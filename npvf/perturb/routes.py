"""The social-network routes: chains of resize, frame rate, H.264 and AAC, read from a configuration file.

The networks do not publish their settings. `configs/perturb/routes.yaml` is our approximation and gives the reason for
each number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from npvf.errors import NpvfError
from npvf.io.files import config_path
from npvf.perturb.registry import Perturbation, add
from npvf.perturb.video_edit import VideoEdit, scaled_size, scaled_to

ROUTES = "perturb/routes.yaml"


@dataclass(frozen=True, slots=True)
class Pass:
    """One encoding of a route; the comments of the configuration file explain the fields."""

    short_side: int
    max_fps: float
    crf: float
    max_kbps: float
    preset: str
    profile: str
    audio_kbps: float
    audio_rate: int
    why: str

    def apply(self, video: VideoEdit, setting: Any, rng: np.random.Generator) -> VideoEdit:
        """Scale and encode the video as this pass does."""
        width, height = video.stream.width, video.stream.height
        size = scaled_size(width, height, min(1.0, self.short_side / min(width, height)))
        options = {
            "crf": str(self.crf),
            "maxrate": f"{self.max_kbps}k",
            "bufsize": f"{2 * self.max_kbps}k",
            "preset": self.preset,
            "profile": self.profile,
        }
        video = video.with_frames(scaled_to(*size), fps=min(video.fps, self.max_fps), options=options)
        return video if video.sample_rate is None else video.recoded("aac", self.audio_kbps, self.audio_rate)


def add_routes(path: Path | None = None) -> list[Perturbation]:
    """Add the routes of a configuration file (default: the seven that come with npvf) to the suite.

    Raises NpvfError if the file is not a valid configuration.
    """
    path = path or config_path(ROUTES)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise NpvfError(f"{path} cannot be read as a configuration of routes: {error}") from error
    if not isinstance(content, dict) or not content:
        raise NpvfError(f"{path} has no routes: it must map each name to `description` and `passes`")
    routes = [_route(str(name), entry, path) for name, entry in content.items()]
    for route in routes:
        add(route)
    return routes


def _route(name: str, entry: Any, path: Path) -> Perturbation:
    if isinstance(entry, Mapping) and "says" in entry:
        raise NpvfError(f"{path}: the route {name!r} has the key `says`; rename it to `description`")
    if not isinstance(entry, Mapping) or set(entry) != {"description", "passes"} or not entry["passes"]:
        raise NpvfError(f"{path}: the route {name!r} needs `description` and at least one entry in `passes`")
    passes = [_pass(content, f"{path}: pass {number} of {name}") for number, content in enumerate(entry["passes"], 1)]
    return Perturbation(name, "routes", (name,), str(entry["description"]), tuple(item.apply for item in passes))


def _pass(content: Any, place: str) -> Pass:
    wanted = {field.name: {"int": int, "float": (int, float), "str": str}[str(field.type)] for field in fields(Pass)}
    if not isinstance(content, Mapping) or set(content) != set(wanted):
        raise NpvfError(f"{place} must have exactly the keys {', '.join(wanted)}")
    for key, value in content.items():
        if not isinstance(value, wanted[key]) or (not isinstance(value, str) and value <= 0):  # type: ignore[arg-type]
            raise NpvfError(f"{place}: {key} is {value!r}, expected a positive number or a text, as in routes.yaml")
    return Pass(**content)
