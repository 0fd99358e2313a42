"""Decode tokens to a mask of the size of the image."""

from __future__ import annotations

from torch import Tensor, nn


class MaskDecoder(nn.Module):
    """3 x 3 convolution, batch norm, ReLU, bilinear times 4; once more; 3 x 3 convolution to one logit a pixel.

    The paper's code ends in two channels and a softmax; one logit and a sigmoid are the same function.

    Shape:
        (N, D, H / 16, W / 16) -> (N, H, W).

    Args:
        dim: D.
        widths: channels of the two steps.
        stride: of the last convolution, 1, the paper's, or 4: the logits are computed before the second bilinear step
            and are what it enlarges. The masks are as fine, in a fifth less time for a training step.
    """

    def __init__(self, dim: int = 512, widths: tuple[int, int] = (32, 8), stride: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((dim, *widths), widths, strict=False):
            layers += [nn.Conv2d(before, after, 3, 1, 1), nn.BatchNorm2d(after), nn.ReLU()]
            layers += [nn.Upsample(scale_factor=4, mode="bilinear")]
        layers.insert(len(layers) if stride == 1 else -1, nn.Conv2d(widths[-1], 1, 3, 1, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, x_NDHW: Tensor) -> Tensor:
        return self.layers(x_NDHW).squeeze(1)
