"""Convert frames of high dynamic range (PQ, HLG) or wide gamut (BT.2020, P3) to BT.709 as an SDR screen shows it.

A table of colours is computed here and applied by FFmpeg's `lut3d`. FFmpeg's swscale can convert, too, but needs 5 to
10 s for each file to compute its table.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc

# Chromaticities (x, y) of red, green and blue; white is D65 in all of them.
_PRIMARIES = {
    ColorPrimaries.BT709: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    ColorPrimaries.BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    ColorPrimaries.SMPTE432: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_D65 = (0.3127, 0.3290)
_NAMES: dict[int, str] = {
    ColorTrc.SMPTE2084: "PQ",
    ColorTrc.ARIB_STD_B67: "HLG",
    ColorPrimaries.BT2020: "BT.2020",
    ColorPrimaries.SMPTE432: "P3",
}
_REFERENCE_WHITE = 203.0  # cd/m2 of diffuse white in PQ (ITU-R BT.2408)
# Scene light of diffuse white in HLG: 75 % signal. The system gamma of HLG depends on the screen (BT.2390), and on one
# as bright as diffuse white it is 1, so scene light is shown as it is.
_HLG_WHITE = 0.265
_SDR_GAMMA = 2.4
_KNEE = 0.75  # linear light, of diffuse white: brighter parts are compressed to leave room for highlights
_STEPS = 33


def needs_conversion(frame: VideoFrame) -> bool:
    """Return True if the tags of a frame say that it is HDR or has more colours than BT.709."""
    return _transfer(frame) is not None or _primaries(frame) != ColorPrimaries.BT709


def describe_conversion(frame: VideoFrame) -> str:
    """Return the source's transfer and primaries, as in "PQ, BT.2020"."""
    return ", ".join(_NAMES[tag] for tag in (_transfer(frame), _primaries(frame)) if tag in _NAMES)


class ColourConverter:
    """Convert frames of one size and one kind of colour to BT.709."""

    def __init__(self, frame: VideoFrame) -> None:
        self._key = _key(frame)
        table = _cube(_transfer(frame), _primaries(frame))
        with tempfile.TemporaryDirectory(prefix="npvf-") as folder:
            # FFmpeg reads the file when the graph is configured. Its name must not contain characters that are special
            # in FFmpeg's syntax, as those of a temporary folder on Windows: it is escaped.
            path = Path(folder) / "table.cube"
            path.write_text(table, encoding="ascii")
            name = str(path).replace("\\", "/").replace(":", "\\:").replace("'", "\\'")
            self._graph = av.filter.Graph()
            self._graph.threads = 1
            source = self._graph.add_buffer(
                width=frame.width, height=frame.height, format=av.VideoFormat("rgb48le"), time_base=frame.time_base
            )
            lut = self._graph.add("lut3d", file=name, interp="tetrahedral")
            self._graph.link_nodes(source, lut, self._graph.add("buffersink")).configure()

    def fits(self, frame: VideoFrame) -> bool:
        """Return True if a frame has the size and the tags that this converter was made for."""
        return self._key == _key(frame)

    def convert(self, frame: VideoFrame) -> VideoFrame:
        """Return the frame in 16-bit RGB, BT.709."""
        self._graph.vpush(frame.reformat(format="rgb48le", threads=1))
        return self._graph.vpull()


def _key(frame: VideoFrame) -> tuple[int, int, int | None, int]:
    return frame.width, frame.height, _transfer(frame), _primaries(frame)


def _transfer(frame: VideoFrame) -> int | None:
    """Return the transfer characteristic if it is one of HDR."""
    return frame.color_trc if frame.color_trc in (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67) else None


def _primaries(frame: VideoFrame) -> int:
    """Return the primaries. Those of standard definition differ from BT.709 by less than one sees."""
    return frame.color_primaries if frame.color_primaries in _PRIMARIES else ColorPrimaries.BT709


@cache
def _cube(transfer: int | None, primaries: int) -> str:
    """Return the table as the text of a .cube file: red changes fastest."""
    axis = np.linspace(0, 1, _STEPS)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    light_N3 = _linear(np.stack([red, green, blue], axis=-1).reshape(-1, 3), transfer)
    light_N3 = light_N3 @ (np.linalg.inv(_to_xyz(ColorPrimaries.BT709)) @ _to_xyz(primaries)).T
    if transfer is not None:
        light_N3 = compress_highlights(light_N3)
    signal_N3 = np.clip(light_N3, 0, 1) ** (1 / _SDR_GAMMA)
    rows = "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in signal_N3)
    return f"LUT_3D_SIZE {_STEPS}\n{rows}\n"


def _linear(signal_N3: np.ndarray, transfer: int | None) -> np.ndarray:
    """Return linear light, in which diffuse white is 1."""
    if transfer == ColorTrc.SMPTE2084:
        power = signal_N3 ** (1 / 78.84375)
        return (
            10_000
            / _REFERENCE_WHITE
            * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
        )
    if transfer == ColorTrc.ARIB_STD_B67:
        bright = (np.exp((signal_N3 - 0.55991073) / 0.17883277) + 0.28466892) / 12
        return np.where(signal_N3 <= 0.5, signal_N3**2 / 3, bright) / _HLG_WHITE
    return signal_N3**_SDR_GAMMA


def compress_highlights(light_N3: np.ndarray) -> np.ndarray:
    """Scale colours so that their largest component is below 1; those below the knee do not change."""
    largest = np.maximum(light_N3.max(axis=1, keepdims=True), 1e-6)
    room = 1 - _KNEE
    compressed = _KNEE + room * (1 - np.exp(-(largest - _KNEE) / room))
    return light_N3 * np.where(largest > _KNEE, compressed / largest, 1)


def _to_xyz(primaries: int) -> np.ndarray:
    """Return the matrix from linear RGB with these primaries to XYZ."""
    xy = np.array(_PRIMARIES[ColorPrimaries(primaries)])
    columns = np.stack([xy[:, 0], xy[:, 1], 1 - xy.sum(axis=1)]) / xy[:, 1]
    white = np.array((_D65[0], _D65[1], 1 - sum(_D65))) / _D65[1]
    return columns * np.linalg.solve(columns, white)
