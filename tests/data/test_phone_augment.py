import torch

from npvf.data.phone_augment import PhoneAugment
from npvf.data.sampling import seeded

POSTERIORS = torch.randint(1, 256, (60, 191), generator=seeded(0), dtype=torch.uint8)
NOTHING = {"masks": 0, "smear": 0.0, "drop": 0.0}


def test_nothing_changes_without_amounts():
    assert torch.equal(PhoneAugment(**NOTHING)(POSTERIORS, seeded(1)), POSTERIORS)


def test_masks_silence_whole_frames_and_no_more_than_asked_for():
    augment = PhoneAugment(**NOTHING | {"masks": 2, "mask_frames": 5})
    silent = [int((augment(POSTERIORS, seeded(n)) == 0).all(1).sum()) for n in range(20)]
    assert 0 < max(silent) <= 10


def test_dropped_tokens_are_lost_in_every_frame():
    changed_FP = PhoneAugment(**NOTHING | {"drop": 0.5})(POSTERIORS, seeded(2))
    lost_P = (changed_FP == 0).all(0)
    assert lost_P.any() and torch.equal(changed_FP[:, ~lost_P], POSTERIORS[:, ~lost_P])


def test_a_smeared_frame_lies_between_itself_and_its_neighbours():
    changed_FP = PhoneAugment(**NOTHING | {"smear": 1.0})(POSTERIORS, seeded(3)).int()
    x_FP = POSTERIORS.int()
    around_3FP = torch.stack([x_FP[:-2], x_FP[1:-1], x_FP[2:]])
    assert (changed_FP[1:-1] >= around_3FP.amin(0) - 1).all() and (changed_FP[1:-1] <= around_3FP.amax(0) + 1).all()


def test_short_clips_are_masked_too():
    short_FP = POSTERIORS[:4]
    assert PhoneAugment()(short_FP, seeded(4)).shape == short_FP.shape
