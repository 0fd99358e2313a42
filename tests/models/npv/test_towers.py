import pytest
import torch
from timm.models.swin_transformer import PatchMerging
from torch.testing import assert_close

from npvf.models.npv.tower_spec import TowerSpec
from npvf.models.npv.towers import AudioTower, FrequencyMerging, VisualTower, standardise

TINY = TowerSpec(embed_dim=16, depths=(1, 2), num_heads=(2, 4), window=4, conv_stem=True, flatten=True, drop_path=0.0)


def test_one_token_a_frame():
    visual = VisualTower(TINY, size=32, channels=1, out_dim=20)
    audio = AudioTower(TINY, n_mels=64, out_dim=20)
    assert visual(torch.randint(0, 256, (2, 30, 1, 32, 32), dtype=torch.uint8)).shape == (2, 30, 20)
    assert audio(torch.randn(2, 120, 64)).shape == (2, 30, 20)


@pytest.mark.parametrize("frames", [24, 31, 75, 300])
def test_sound_of_any_length(frames):
    assert AudioTower(TINY, 64, 8).eval()(torch.randn(1, 4 * frames, 64)).shape == (1, frames, 8)


def test_sound_tokens_keep_their_clock():
    """A click moves the tokens around its own video frame, not others far away."""
    torch.manual_seed(0)
    tower = AudioTower(TINY, 64, 8).eval()
    quiet = torch.zeros(1, 4 * 100, 64)
    click = quiet.clone()
    click[:, 4 * 50 : 4 * 51] = 3
    changed = (tower(click) - tower(quiet)).abs().sum(-1)[0]
    assert abs(int(changed.argmax()) - 50) <= 1
    assert changed[:25].max() < 0.01 * changed.max()
    assert changed[75:].max() < 0.01 * changed.max()


@pytest.mark.parametrize("frames", [70, 72, 75])
def test_the_end_of_a_clip_does_not_hear_its_beginning(frames):
    """Windows of 7 that are shifted, as in npv_tiny: 70 frames are whole windows, 72 and 75 are not."""
    torch.manual_seed(0)
    spec = TowerSpec(embed_dim=16, depths=(2, 2), num_heads=(2, 4), window=7, drop_path=0.0)
    tower = AudioTower(spec, 64, 8).eval()
    mel = torch.randn(1, 4 * frames, 64)
    changed = mel.clone()
    changed[:, :8] = torch.randn(1, 8, 64)
    moved_T = (tower(mel) - tower(changed)).abs().sum(-1)[0]
    assert moved_T[:2].min() > 1e-3
    assert moved_T[-6:].max() < 1e-6


def test_padding_takes_no_part_in_standardisation():
    pictures = torch.randint(0, 256, (1, 9, 1, 8, 8), dtype=torch.uint8)
    valid = torch.arange(9)[None] < 6
    alone = standardise(pictures[:, :6])
    assert_close(standardise(pictures, valid)[:, :6], alone)
    assert_close(alone.mean((1, 3, 4)), torch.zeros(1, 1), atol=1e-5, rtol=0)


def test_a_frame_sees_its_stacked_neighbours_only_without_temporal_layers():
    spec = TowerSpec(embed_dim=16, depths=(1,), num_heads=(2,), window=4, frame_stack=5, temporal_layers=0, drop_path=0)
    tower = VisualTower(spec, 16, 1, 8).eval()
    video = torch.randint(0, 256, (1, 12, 1, 16, 16), dtype=torch.uint8)
    changed = video.clone()
    # Swapping two pixels keeps the clip's mean and deviation, by which it is standardised.
    changed[0, 6, 0, 3, 4], changed[0, 6, 0, 9, 2] = video[0, 6, 0, 9, 2].clone(), video[0, 6, 0, 3, 4].clone()
    moved = (tower(video) - tower(changed)).abs().sum(-1)[0] > 1e-6
    assert moved.nonzero().flatten().tolist() == [4, 5, 6, 7, 8]


def test_light_does_not_matter():
    tower = VisualTower(TINY, 32, 1, 8).eval()
    video = torch.randint(40, 120, (1, 5, 1, 32, 32), dtype=torch.uint8)
    assert_close(tower(video), tower(video + 60), atol=2e-2, rtol=0)


def test_frequency_merging_keeps_pretrained_weights():
    """On two equal rows of time it does what timm's 2 x 2 merging does."""
    torch.manual_seed(0)
    merging = PatchMerging(6)
    merging.norm.weight.data.uniform_(0.5, 1.5).view(2, 2, 6)[:, 1] = merging.norm.weight.data.view(2, 2, 6)[:, 0]
    x = torch.randn(1, 4, 8, 6)
    doubled = x.repeat_interleave(2, dim=1)
    new = FrequencyMerging.from_patch_merging(merging, keep_weights=True)
    assert_close(new(x), merging(doubled))


def test_no_weights_without_a_timm_name():
    with pytest.raises(ValueError, match="ImageNet"):
        VisualTower(TINY, 32, 3, 8, backbone_pretrained=True)


def test_the_patch_of_sound_is_a_video_frame():
    with pytest.raises(ValueError, match="one video frame"):
        AudioTower(TowerSpec(patch=8), 64, 8)
