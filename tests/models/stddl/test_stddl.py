"""ST-DDL: shapes, sizes, clips that do not see each other, and the folder."""

import json

import pytest
import torch
from torch.testing import assert_close

from npvf import create_model
from npvf.errors import NpvfError
from npvf.models import NPV, STDDL, PretrainedModel, anchor_mesh_motion


def tiny(**overrides) -> STDDL:
    torch.manual_seed(0)
    small = {"picture__width": 4, "picture__stem": 8, "motion_encoder__width": 4, "motion_encoder__stem": 8}
    return create_model("stddl_nano", dim=16, heads=2, **(small | overrides)).eval()


def clips(height: int = 64, width: int = 64, count: int = 2, frames: int = 3):
    g = torch.Generator().manual_seed(1)
    frames_BTCHW = torch.randint(0, 256, (count, frames, 3, height, width), generator=g, dtype=torch.uint8)
    motion_BTCHW = torch.randn(count, frames - 1, 2, height, width, generator=g)
    landmarks_BTN2 = torch.rand(count, frames, 478, 2, generator=g) * width
    return frames_BTCHW, landmarks_BTN2, motion_BTCHW


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96), (160, 160)])
@torch.no_grad()
def test_any_multiple_of_32(height, width):
    out = tiny()(*clips(height, width, frames=4))
    assert out.mask_logits_BTHW.shape == (2, 3, height, width)
    assert out.frame_logits_BT.shape == (2, 3) and out.logits_B.shape == (2,)
    assert_close(out.logits_B, out.frame_logits_BT.mean(1))


@torch.no_grad()
def test_other_sizes_and_single_frames_are_refused():
    with pytest.raises(ValueError, match="multiple of 32"):
        tiny()(*clips(48, 64))
    with pytest.raises(ValueError, match="at least 2 frames"):
        tiny()(*clips(frames=1))
    with pytest.raises(ValueError, match="multiple of 32"):
        tiny(size=100)


@pytest.mark.parametrize("motion", ["anchor_mesh", "refined_mesh", "flow", "none"])
@torch.no_grad()
def test_a_clip_does_not_depend_on_its_batch(motion):
    model, (frames, landmarks, field) = tiny(motion=motion), clips(count=3)
    together = model(frames, landmarks, field)
    for b in range(3):
        alone = model(frames[b : b + 1], landmarks[b : b + 1], field[b : b + 1])
        assert_close(together.mask_logits_BTHW[b : b + 1], alone.mask_logits_BTHW, atol=1e-4, rtol=1e-4)
        assert_close(together.logits_B[b : b + 1], alone.logits_B, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("mesh", ["anchors", "dense"])
@torch.no_grad()
def test_motion_that_is_not_given_is_anchor_mesh_motion(mesh):
    model, (frames, landmarks, _) = tiny(mesh=mesh), clips(64, 96)
    given = model(frames, landmarks, anchor_mesh_motion(landmarks, (64, 96), mesh))
    assert_close(model(frames, landmarks).mask_logits_BTHW, given.mask_logits_BTHW)
    # Normalised by the model: the size of a clip's motion as a whole says nothing.
    doubled = model(frames, landmarks, 2 * anchor_mesh_motion(landmarks, (64, 96), mesh))
    assert_close(doubled.mask_logits_BTHW, given.mask_logits_BTHW, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_share_of_the_positions_judges_a_frame():
    whole, few, given = tiny(motion="none"), tiny(motion="none", judged_share=0.25), clips(64, 64)
    tokens = []
    whole.fusion.register_forward_hook(lambda _, __, out: tokens.append(out))
    mean = whole(*given).frame_logits_BT
    logits_NS = whole.head(tokens[0]).squeeze(-1)
    assert_close(mean.flatten(), logits_NS.mean(1))
    assert_close(few(*given).frame_logits_BT.flatten(), logits_NS.sort(1).values[:, -4:].mean(1))
    with pytest.raises(ValueError, match="judged_share"):
        tiny(judged_share=0.0)


@torch.no_grad()
def test_the_last_frame_has_no_follower_and_no_say():
    model, (frames, landmarks, field) = tiny(), clips()
    changed = frames.clone()
    changed[:, -1] = 0
    longer = torch.cat([field, torch.full_like(field[:, :1], 9.0)], dim=1)
    assert_close(model(frames, landmarks, field).logits_B, model(changed, landmarks, longer).logits_B)


@torch.no_grad()
def test_the_motion_branch_is_a_switch():
    frames, landmarks, field = clips()
    none, flow = tiny(motion="none"), tiny(motion="flow")
    assert not any(name.startswith("motion_encoder") for name in none.state_dict())
    assert_close(none(frames, landmarks).logits_B, none(frames, landmarks, field).logits_B)
    assert not torch.equal(flow(frames, landmarks, field).logits_B, flow(frames, landmarks, -field).logits_B)
    for model in (flow, tiny(motion="refined_mesh")):
        with pytest.raises(ValueError, match="must come with the batch"):
            model(frames, landmarks)
    with pytest.raises(ValueError, match="none of anchor_mesh"):
        tiny(motion="optical")


@pytest.mark.slow
@torch.no_grad()
def test_a_trained_network_can_have_another_motion_branch():
    appearance = tiny(motion="none")
    both = appearance.with_motion(motion="anchor_mesh").eval()
    weights, before = both.state_dict(), appearance.state_dict()
    assert all(torch.equal(weights[name], before[name]) for name in before)
    assert {name.split(".")[0] for name in weights.keys() - before.keys()} == {"motion_encoder"}
    again = both.with_motion(motion="none").eval()
    assert_close(again(*clips()).logits_B, appearance(*clips()).logits_B)
    with pytest.raises(ValueError, match="dim, picture__width would change more"):
        appearance.with_motion(motion="none", dim=32, picture__width=8)


@torch.no_grad()
def test_masks_of_a_quarter_of_the_side_are_enlarged():
    fine, coarse = tiny(), tiny(mask_stride=4)
    coarse.load_state_dict({k.replace("layers.8", "layers.7"): v for k, v in fine.state_dict().items()})
    inputs = clips()
    one, four = fine(*inputs).mask_logits_BTHW, coarse(*inputs).mask_logits_BTHW
    assert four.shape == one.shape
    # Away from the borders, a convolution before and after a bilinear step sees much the same.
    assert torch.corrcoef(torch.stack([one.flatten(), four.flatten()]))[0, 1] > 0.9
    with pytest.raises(ValueError, match="mask_stride must be 1 or 4"):
        tiny(mask_stride=2)


def test_every_weight_gets_a_gradient():
    model = tiny().train()
    out = model(*clips())
    (out.mask_logits_BTHW.square().mean() + out.logits_B.sum()).backward()
    assert all(p.grad is not None for p in model.parameters())


@torch.no_grad()
def test_from_scratch_only_the_finest_branch_is_heard():
    model, inputs = tiny(), clips()
    before = model(*inputs).mask_logits_BTHW
    for encoder in (model.picture_encoder, model.motion_encoder):
        coarse = [p for name, p in encoder.named_parameters() if "branches.1" in name or "transition3" in name]
        assert coarse
        for parameter in coarse:
            parameter.add_(1.0)
    assert torch.equal(before, model(*inputs).mask_logits_BTHW)


@pytest.mark.slow
def test_a_folder_says_which_family_it_holds(tmp_path, tiny_overrides):
    model, inputs = tiny(motion="flow"), clips()
    model.save_pretrained(tmp_path / "stddl", {"localizer": {"threshold": 0.4}})
    content = json.loads((tmp_path / "stddl" / "config.json").read_text())
    assert content["family"] == "stddl" and content["localizer"] == {"threshold": 0.4}
    for loaded in (STDDL.from_pretrained(tmp_path / "stddl"), PretrainedModel.from_pretrained(tmp_path / "stddl")):
        assert isinstance(loaded, STDDL) and loaded.config == model.config
        with torch.no_grad():
            assert torch.equal(loaded(*inputs).logits_B, model(*inputs).logits_B)
    with pytest.raises(NpvfError, match="is STDDL, and NPV is needed here"):
        NPV.from_pretrained(tmp_path / "stddl")
    with pytest.raises(NpvfError, match="is NPV, and STDDL is needed here"):
        STDDL.create("npv_nano", **tiny_overrides)


def test_a_folder_that_names_no_family_is_npv(tmp_path, tiny_overrides):
    create_model("npv_nano", **tiny_overrides).save_pretrained(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({"model": content["model"]}))
    assert isinstance(PretrainedModel.from_pretrained(tmp_path), NPV)
    (tmp_path / "config.json").write_text(json.dumps({"family": "later", "model": content["model"]}))
    with pytest.raises(NpvfError, match="family 'later'"):
        PretrainedModel.from_pretrained(tmp_path)


@pytest.mark.slow
def test_the_papers_sizes():
    model = create_model("stddl_hrnet_w32")
    assert model.config.size == 512 and model.fusion.heads == 16 and model.config.dim // model.fusion.heads == 32
    assert [m.weight.shape[:2] for m in (model.picture_encoder.network.conv1, model.motion_encoder.network.conv1)] == [
        (64, 3),
        (64, 2),
    ]
    (reduce,) = model.picture_encoder.reduce
    convolutions = [m for m in reduce if isinstance(m, torch.nn.Conv2d)]
    assert [(m.in_channels, m.out_channels) for m in convolutions] == [(32, 128), (128, 512)]


def test_weights_that_know_rgb_do_not_look_at_residuals():
    with pytest.raises(NpvfError, match="stddl_nano cannot be made so: ImageNet's weights know RGB"):
        STDDL.create("stddl_nano", backbone_pretrained=True)
