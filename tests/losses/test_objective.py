from itertools import combinations

import pytest
import torch
from torch.testing import assert_close

from npvf.losses import DetectionLosses, DetectionObjective, NPVLosses, NPVObjective
from npvf.losses.objective import feature_deviation, no_negatives
from npvf.models import create_model

STARTS = torch.tensor([[0, 8, 24], [3, 10, 20], [1, 2, 12]])


@pytest.fixture
def model(tiny_overrides):
    torch.manual_seed(0)
    return create_model("npv_nano", **tiny_overrides)


def test_pretraining_reaches_every_encoder(model, make_batch):
    out = NPVObjective()(model, make_batch(model.config.inputs), STARTS)
    assert_close(out["loss"], out["ec"] + out["cor"] + out["info"])
    out["loss"].backward()
    assert {n.split(".")[0] for n, p in model.named_parameters() if p.grad is None} == {"head"}


@pytest.mark.slow
def test_a_few_steps_lower_the_loss(model, make_batch):
    batch, objective = make_batch(model.config.inputs), NPVObjective()
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = objective(model, batch, STARTS)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("off", ["ec_weight", "cor_weight", "info_weight"])
def test_terms_can_be_switched_off(off, model, make_batch):
    out = NPVObjective(NPVLosses(**{off: 0.0}))(model, make_batch(model.config.inputs), STARTS)
    assert off.removesuffix("_weight") not in out
    assert out["loss"].isfinite()


def pairs(mask):
    return {tuple(pair) for pair in mask.nonzero().tolist() if pair[0] < pair[1]}


def test_near_duplicates_are_of_one_video():
    starts, videos = torch.tensor([[0, 3, 20], [0, 30, 60]]), torch.tensor([7, 8])
    assert pairs(no_negatives(starts, videos, 4)) == {(0, 1)}


def test_near_duplicates_may_lie_in_different_windows_of_a_video():
    starts, videos = torch.tensor([[0, 10], [9, 40], [10, 0]]), torch.tensor([7, 7, 8])
    assert pairs(no_negatives(starts, videos, 4)) == {(1, 2)}


def test_other_moments_of_a_video_are_negatives_unless_switched_off(model, make_batch):
    starts, videos = torch.tensor([[0, 20], [50, 90], [0, 20]]), torch.tensor([7, 7, 8])
    assert pairs(no_negatives(starts, videos, 4)) == set()
    assert pairs(no_negatives(starts, videos, 4, same_clip=False)) == {*combinations(range(4), 2), (4, 5)}
    batch = make_batch(model.config.inputs)
    easy, hard = (NPVObjective(NPVLosses(same_clip=same_clip))(model, batch, STARTS) for same_clip in (False, True))
    assert easy["ec"] < hard["ec"] and torch.equal(easy["info"], hard["info"])


def test_face_and_voice_meet_over_the_clip_or_over_each_segment(model, make_batch):
    batch = make_batch(model.config.inputs)
    model.eval()
    objectives = [NPVObjective(NPVLosses(context=context)) for context in ("clip", "segment")]
    clip, segment = (objective.represent(model, batch, STARTS) for objective in objectives)
    assert clip.face_BLP.shape[:2] == (3, 1) and segment.face_BLP.shape[:2] == (3, 3)
    first, start = model.project(model.encode(batch)).face[0], int(STARTS[0, 1])
    assert_close(segment.face_BLP[0, 1], torch.nn.functional.normalize(first[start : start + 24].sum(0), dim=-1))
    assert NPVObjective(NPVLosses(context="segment"))(model, batch, STARTS)["info"].isfinite()
    with pytest.raises(ValueError, match="context"):
        NPVObjective(NPVLosses(context="film"))


def test_where_a_window_begins_counts(model, make_batch):
    """Two windows of one video that show the same moment are no negatives of each other."""
    batch, objective = make_batch(model.config.inputs), NPVObjective()
    batch.videos = ["a", "a", "b"]
    batch.start_B = torch.tensor([0, 48, 0])
    seen = objective.represent(model, batch, STARTS)
    assert seen.start_BK.tolist() == [[0, 8, 24], [51, 58, 68], [1, 2, 12]]
    assert seen.video_B[0] == seen.video_B[1] != seen.video_B[2]
    assert seen.identity_B[0] == seen.identity_B[1], "who is not known is whoever speaks in the video"


def test_forged_share_decides_a_segments_label(model, make_batch):
    batch = make_batch(model.config.inputs)
    batch.label_B = torch.tensor([0, 1, 1])
    batch.forged_BT[1] = True
    batch.forged_BT[2, :10] = True
    objective = DetectionObjective(DetectionLosses(forged_share=0.25))
    targets = objective.segment_targets(batch, torch.tensor([[0, 8, 24]] * 3))
    assert targets.tolist() == [[0, 0, 0], [1, 1, 1], [1, 0, 0]]


def test_alignment_is_for_real_clips_only(model, make_batch):
    """Changing a forgery changes no auxiliary term; with align_on="all" it does."""
    model.eval()
    batch, other = make_batch(model.config.inputs), make_batch(model.config.inputs)
    for b in (batch, other):
        b.label_B = torch.tensor([0, 1, 0])
        b.forged_BT[1] = True
    other.mel_BTM[1] += 1
    for align_on, same in (("real", True), ("all", False)):
        objective = DetectionObjective(DetectionLosses(align_on=align_on))
        a, b = objective(model, batch, STARTS), objective(model, other, STARTS)
        assert torch.allclose(a["cor"], b["cor"]) is same
        assert torch.allclose(a["ec"], b["ec"]) is same


def test_too_few_real_clips_leave_cross_entropy_alone(model, make_batch):
    batch = make_batch(model.config.inputs)
    batch.label_B = torch.tensor([0, 1, 1])
    out = DetectionObjective()(model, batch, STARTS)
    assert "cor" not in out
    assert_close(out["loss"], out["ce"] + out["fakes"])


def test_an_unlabelled_clip_is_an_error(model, make_batch):
    batch = make_batch(model.config.inputs)
    batch.label_B = torch.tensor([0, -1, 0])
    with pytest.raises(ValueError, match="clip1"):
        DetectionObjective()(model, batch, STARTS)


def test_collapse_monitor():
    z = torch.nn.functional.normalize(torch.randn(500, 64), dim=-1)
    assert feature_deviation(z).item() == pytest.approx(1, abs=0.05)
    assert feature_deviation(z[:1].expand(500, 64)).item() == pytest.approx(0, abs=1e-3)


def test_without_a_face_stream_only_lips_and_sound_are_left(tiny_overrides, make_batch):
    model = create_model("npv_nano", face_stream=False, **tiny_overrides)
    batch = make_batch(model.config.inputs)
    out = NPVObjective()(model, batch, STARTS)
    assert "info" not in out
    assert_close(out["loss"], out["ec"] + out["cor"])
    fused = model.fuse(model.encode(batch).segments(STARTS))
    objective = NPVObjective()
    assert_close(objective.alignment_term(fused), objective.correlation(fused.viseme, fused.audio))


def test_stage_two_takes_the_switches_of_stage_one(model, make_batch):
    batch = make_batch(model.config.inputs)
    batch.label_B = torch.tensor([0, 0, 1])
    losses = DetectionLosses(auxiliary=NPVLosses(cor_weight=0.0, info_weight=2.0))
    out = DetectionObjective(losses)(model, batch, STARTS)
    assert "cor" not in out
    assert_close(out["loss"], out["ce"] + out["fakes"] + 0.1 * (out["ec"] + 2 * out["info"]))


@pytest.mark.slow
def test_losses_are_computed_in_single_precision_under_autocast(model, make_batch):
    model.eval()
    batch, objective = make_batch(model.config.inputs), NPVObjective()
    with torch.autocast("cpu", torch.bfloat16):
        clips = objective.represent(model, batch, STARTS)
        mixed = objective.compare(clips)
    assert clips.fused_viseme_BKSD.dtype == torch.bfloat16, "the network runs in half precision"
    assert_close(mixed, objective.compare(clips), rtol=0, atol=0)
    assert all(value.dtype == torch.float32 for value in mixed.values())
    mixed["loss"].backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert_close(mixed["loss"], objective(model, batch, STARTS)["loss"], rtol=0.05, atol=0)
