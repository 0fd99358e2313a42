import torch

from npvf.data.geometry_augment import GeometryAugment, mirrored_points
from npvf.data.sampling import seeded

NOTHING = {"rotation": 0.0, "scale": (1.0, 1.0), "stretch": (1.0, 1.0), "flip": 0.0, "noise": 0.0}
GEOMETRY = torch.randn(20, 64, 2, generator=seeded(0))


def test_a_mirrored_mirror_image_is_the_face():
    order = mirrored_points()
    assert torch.equal(order[order], torch.arange(64))
    mirror = GeometryAugment(**NOTHING | {"flip": 1.0})
    torch.testing.assert_close(mirror(mirror(GEOMETRY, seeded(1)), seeded(2)), GEOMETRY)
    assert not torch.allclose(mirror(GEOMETRY, seeded(1)), GEOMETRY)


def test_nothing_changes_without_amounts():
    torch.testing.assert_close(GeometryAugment(**NOTHING)(GEOMETRY, seeded(3)), GEOMETRY)


def test_one_draw_serves_all_frames():
    still_TP2 = GEOMETRY[:1].expand(20, 64, 2)
    changed_TP2 = GeometryAugment(noise=0.0)(still_TP2, seeded(4))
    torch.testing.assert_close(changed_TP2, changed_TP2[:1].expand_as(changed_TP2))


def test_a_seed_repeats_the_change_and_another_does_not():
    augment = GeometryAugment()
    assert torch.equal(augment(GEOMETRY, seeded(5)), augment(GEOMETRY, seeded(5)))
    assert not torch.allclose(augment(GEOMETRY, seeded(5)), augment(GEOMETRY, seeded(6)))


def test_shared_noise_moves_all_points_of_a_frame_together():
    augment = GeometryAugment(**NOTHING | {"noise": 0.1, "noise_shared": 1.0})
    error_TP2 = augment(GEOMETRY, seeded(7)) - GEOMETRY
    torch.testing.assert_close(error_TP2, error_TP2[:, :1].expand_as(error_TP2), atol=1e-5, rtol=0)
    assert error_TP2.std() > 1e-4
