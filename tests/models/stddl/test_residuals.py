"""What ST-DDL's small networks see in place of colours."""

import torch
from torch.testing import assert_close

from npvf.models.stddl.residuals import residuals


def noise(height: int = 64, width: int = 48) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(60, 200, (2, 3, height, width), generator=generator, dtype=torch.uint8)


def test_against_the_equations_pixel_by_pixel():
    picture = noise()
    red, green, blue = picture[0].double()
    luma = 0.299 * red + 0.587 * green + 0.114 * blue

    def mean(x, side, row, column):
        half = side // 2
        rows = torch.arange(row - half, row + half + 1).clamp(0, x.shape[0] - 1)
        columns = torch.arange(column - half, column + half + 1).clamp(0, x.shape[1] - 1)
        return x[rows][:, columns].mean()

    def everywhere(x, side):
        cells = [[mean(x, side, row, column) for column in range(x.shape[1])] for row in range(x.shape[0])]
        return torch.tensor(cells, dtype=torch.float64)

    fine, coarse = everywhere(luma, 3), everywhere(luma, 7)
    energy = (everywhere((luma - fine).abs(), 5) + 0.3).log()
    coarser = (everywhere((fine - coarse).abs(), 5) + 0.3).log()
    colour = red - blue
    expected = torch.stack([energy - 0.5, energy - coarser + 1, (colour - everywhere(colour, 31)) / 20])
    assert_close(residuals(picture)[0].double(), expected, atol=1e-3, rtol=1e-3)


def test_light_and_skin_tone_hardly_show_and_softness_does():
    picture = noise()
    brighter = picture + 30
    assert_close(residuals(brighter), residuals(picture), atol=1e-3, rtol=1e-3)
    soft = torch.nn.functional.avg_pool2d(picture.float(), 3, 1, 1).byte()
    inner = (slice(None), 0, slice(8, -8), slice(8, -8))
    assert float((residuals(soft)[inner] - residuals(picture)[inner]).max()) < -0.5
