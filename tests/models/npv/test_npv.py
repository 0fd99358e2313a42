import json

import pytest
import torch
from torch.testing import assert_close

from npvf import create_model, list_models
from npvf.errors import NpvfError
from npvf.models import NPV
from npvf.models.npv.npv import NPVConfig

STARTS = torch.tensor([[0, 5, 24], [3, 10, 20], [1, 2, 12]])


@pytest.fixture
def model(tiny_overrides) -> NPV:
    torch.manual_seed(0)
    return create_model("npv_nano", **tiny_overrides)


def test_listed():
    assert {"npv_nano", "npv_tiny"} <= set(list_models())
    assert list_models("*_tiny") == ["npv_tiny"]


def test_unknown_names_and_options():
    with pytest.raises(ValueError, match="npv_nano"):
        create_model("npv_huge")
    with pytest.raises(ValueError, match="no option 'inputs__mouth'"):
        create_model("npv_nano", inputs__mouth=3)
    with pytest.raises(ValueError, match="gate"):
        create_model("npv_nano", inputs__gate="some")


@pytest.mark.slow
def test_from_batch_to_logits(make_batch, tiny_overrides):
    model = create_model("npv_nano", head="residual", **tiny_overrides)
    batch = make_batch(model.config.inputs)
    features = model.encode(batch)
    assert features.viseme_BTD.shape == features.face_BTD.shape == (3, 48, 24)
    assert model.agreement(features).shape == (3, 48)
    assert model.agreement(features).abs().max() <= 1 + 1e-5
    logits = model(batch, STARTS)
    assert logits.shape == (3, 3)
    logits.sum().backward()
    unused = [n for n, p in model.named_parameters() if p.grad is None]
    assert all(n.startswith(("face_head", "context_head")) for n in unused)


def test_without_a_face_stream(tiny_overrides, make_batch):
    model = create_model("npv_nano", face_stream=False, **tiny_overrides)
    batch = make_batch(model.config.inputs)
    features = model.encode(batch)
    assert features.face_BTD.shape == (3, 48, 0)
    assert not any(name.startswith(("face", "context", "awareness_fa")) for name, _ in model.named_parameters())
    assert model.logits(features, STARTS).shape == (3, 3)
    assert model.fuse(features.segments(STARTS)).context.shape == (9, 24, 0)


def test_without_awareness_the_streams_pass_unchanged(tiny_overrides, make_batch):
    model = create_model("npv_nano", awareness_orientation="none", **tiny_overrides).eval()
    segments = model.encode(make_batch(model.config.inputs)).segments(STARTS)
    fused = model.fuse(segments)
    assert fused.viseme is segments.viseme_BTD and fused.face is segments.face_BTD


def test_segments_are_slices(model, make_batch):
    features = model.eval().encode(make_batch(model.config.inputs))
    segments = features.segments(STARTS)
    assert_close(segments.audio_BTD[4], features.audio_BTD[1, 10:34])
    assert torch.equal(segments.gate_BT[2], features.gate_BT[0, 24:48])


def test_a_segment_outside_the_clip(model, make_batch):
    features = model.encode(make_batch(model.config.inputs))
    with pytest.raises(ValueError, match="inside the 48 frames"):
        features.segments(torch.tensor([[25]] * 3))


def test_shifted_sound_meets_its_picture(model, make_batch):
    features = model.eval().encode(make_batch(model.config.inputs))
    moved = features.shift_audio(torch.tensor([2, 0, -3]))
    assert_close(moved.audio_BTD[0, :-2], features.audio_BTD[0, 2:])
    assert_close(moved.audio_BTD[2, 3:], features.audio_BTD[2, :-3])
    assert moved.valid_BT.sum(1).tolist() == [46, 48, 45]
    assert not moved.gate_BT[~moved.valid_BT].any()


def test_a_clip_does_not_depend_on_its_neighbours(model, make_batch):
    """Scores of one video must not change with what else is in the batch."""
    model.eval()
    batch, alone = make_batch(model.config.inputs), make_batch(model.config.inputs, clips=1)
    for name in ("mouth_BTCHW", "face_BTCHW", "mel_BTM", "gate_BT"):
        setattr(alone, name, getattr(batch, name)[:1])
    assert_close(model(alone, STARTS[:1]), model(batch, STARTS)[:1], atol=1e-5, rtol=1e-4)


SHIFTED = {"window": 7, "depths": (2, 2), "num_heads": (2, 4), "embed_dim": 8, "drop_path": 0.0}
SHIFTED_WINDOWS = {f"{t}__{name}": value for t in ("viseme", "face", "audio") for name, value in SHIFTED.items()}


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("npv_nano", {"dim": 24, "common_dim": 16}),
        (
            "npv_tiny",
            {"dim": 24, "common_dim": 16, "inputs__mouth_size": 28, "inputs__face_size": 28, **SHIFTED_WINDOWS},
        ),
        ("conv_two_tower", {"dim": 24, "common_dim": 16}),
    ],
)
def test_a_clip_does_not_depend_on_the_length_of_its_neighbours(name, overrides, make_batch):
    torch.manual_seed(0)
    model = create_model(name, **overrides).eval()
    batch = make_batch(model.config.inputs, clips=2, frames=75)
    batch.valid_BT[0, 41:] = False
    alone, beside = model.encode(batch.clip(0, 41, model.config.inputs.face_stride)), model.encode(batch)
    assert beside.viseme_BTD.shape[1] == 75 and alone.viseme_BTD.shape[1] == 41
    for stream in ("viseme_BTD", "audio_BTD", "face_BTD", "context_BTD", "gate_BT", "valid_BT"):
        assert_close(getattr(beside, stream)[:1, :41], getattr(alone, stream), atol=1e-5, rtol=0)
    assert not beside.valid_BT[0, 41:].any() and beside.valid_BT[1].all()


def test_saved_and_loaded(model, make_batch, tmp_path):
    model.eval()
    model.save_pretrained(tmp_path, {"note": 1})
    loaded = NPV.from_pretrained(tmp_path)
    assert loaded.config == model.config
    batch = make_batch(model.config.inputs)
    assert_close(loaded(batch, STARTS), model(batch, STARTS))
    assert json.loads((tmp_path / "config.json").read_text())["note"] == 1


def test_no_model_in_a_folder(tmp_path):
    with pytest.raises(NpvfError, match="holds no model"):
        NPV.from_pretrained(tmp_path)
    for part in ("speech", "picture"):
        (tmp_path / "both" / part).mkdir(parents=True)
        for name in ("config.json", "model.safetensors"):
            (tmp_path / "both" / part / name).touch()
    with pytest.raises(NpvfError, match="name picture or speech in it"):
        NPV.from_pretrained(tmp_path / "both")


def test_an_unknown_configuration_key_is_an_error(model, tmp_path):
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["model"]["inputs"]["lip_colour"] = "red"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(NpvfError, match="lip_colour"):
        NPV.from_pretrained(tmp_path)


def test_hub_weights(model, monkeypatch, tmp_path):
    """A hub id goes through snapshot_download; what it brings is loaded like a folder."""
    model.save_pretrained(tmp_path)
    asked = []
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda repo, **_: asked.append(repo) or str(tmp_path))
    assert NPV.from_pretrained("someone/npv-nano").config == model.config
    assert asked == ["someone/npv-nano"]


@pytest.mark.slow
def test_imagenet_weights_start_the_towers(monkeypatch, tiny_overrides):
    """timm is asked for pre-trained weights by name, and the LFA leaves them as they are at step 0."""
    import timm

    real = timm.create_model
    asked = []

    def offline(name, pretrained, **kwargs):
        asked.append((name, pretrained))
        torch.manual_seed(1)
        return real(name, pretrained=False, **kwargs)

    monkeypatch.setattr("timm.create_model", offline)
    small = {"inputs__mouth_size": 64, "inputs__face_size": 64}
    model = create_model("npv_tiny", backbone_pretrained=True, **small)
    assert asked == [("swin_tiny_patch4_window7_224", True)] * 3
    torch.manual_seed(1)
    plain = real("swin_tiny_patch4_window7_224", img_size=64, num_classes=0).eval()
    picture = torch.rand(1, 3, 64, 64)
    tower = model.viseme_tower.eval().swin
    assert_close(tower.forward_features(picture), plain.forward_features(picture), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_small_stands_between(make_batch):
    sizes = {n: sum(p.numel() for p in create_model(n).parameters()) for n in ("npv_nano", "npv_small")}
    assert sizes["npv_nano"] < 4e6 < 15e6 < sizes["npv_small"] < 25e6
    model = create_model("npv_small").eval()
    features = model.encode(make_batch(model.config.inputs, clips=1))
    assert features.viseme_BTD.shape == features.face_BTD.shape == features.audio_BTD.shape == (1, 48, 384)


@pytest.mark.parametrize("position", ["after_attention", "after_mlp", "before_block"])
def test_the_place_of_lfa_is_a_switch(tiny_overrides, position, tmp_path):
    model = create_model("npv_nano", **tiny_overrides, viseme__lfa_position=position)
    assert {block.position for stage in model.viseme_tower.swin.layers for block in stage.blocks} == {position}
    model.save_pretrained(tmp_path)
    assert NPV.from_pretrained(tmp_path).config.viseme.lfa_position == position


@pytest.mark.slow
def test_tiny_is_the_papers_scale():
    model = create_model("npv_tiny")
    assert model.config.inputs.mouth_size == 224
    swin = sum(p.numel() for p in model.viseme_tower.swin.parameters())
    assert 27e6 < swin < 33e6


@pytest.mark.parametrize("key", ["head_fused", "head_agreement"])
def test_the_old_switches_of_the_head_are_refused_with_the_name_of_the_new_one(key, tiny_overrides):
    with pytest.raises(NpvfError, match=f"{key} .*write head: 'agreement'"):
        create_model("npv_nano", **tiny_overrides, **{key: True})
    content = create_model("npv_nano", **tiny_overrides).config.to_json()
    with pytest.raises(NpvfError, match=f"{key} .*write head: 'agreement'"):
        NPVConfig.from_json({**content, key: True})


@pytest.mark.parametrize(("head", "runs"), [("agreement", False), ("residual", True), ("paper", True)])
def test_only_a_head_that_sees_the_streams_needs_the_face_tower(head, runs, tiny_overrides, make_batch):
    model = create_model("npv_nano", **tiny_overrides, head=head).eval()
    ran = []
    for name in ("face_tower", "awareness_va", "awareness_fa"):
        getattr(model, name).register_forward_hook(lambda *_, name=name: ran.append(name))
    batch = make_batch(model.config.inputs)
    starts_BK = torch.zeros(len(batch.keys), 1, dtype=torch.long)
    logits_BK = model.logits(model.encode(batch, faces=model.head.sees_streams), starts_BK)
    assert ({"face_tower", "awareness_va", "awareness_fa"} == set(ran)) if runs else not ran
    assert_close(logits_BK, model.logits(model.encode(batch), starts_BK))
