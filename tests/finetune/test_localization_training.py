"""Training of ST-DDL from configuration files: a localizer folder, whatever the motion; and that it learns."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from finetune.cli import main
from finetune.localization import FoundFace, LocalizationModule, clip_scores, count_face
from finetune.localization_data import LocatedFaces, WindowFrames
from npvf.clip import FAKE, REAL
from npvf.data.face_windows import FaceTransform, FaceWindows, collate_faces
from npvf.data.sampling import BalancedSampler
from npvf.detect.localizer import Localizer
from npvf.errors import NpvfError
from npvf.losses import LocalizationObjective
from npvf.metrics.pixels import PixelTally, share_called
from npvf.models import STDDL
from npvf.models.stddl.face_batch import FaceSpec
from npvf.training.data import Loader
from tests.helpers.masked_corpus import masked_clip, masked_corpus
from tests.helpers.stub_trainer import set_up

CONFIG = str(Path(__file__).parents[1] / "conf" / "localize.yaml")
SMALL = {
    "dim": 16,
    "heads": 2,
    "picture__width": 4,
    "picture__stem": 8,
    "motion_encoder__width": 4,
    "motion_encoder__stem": 8,
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return masked_corpus(tmp_path_factory.mktemp("corpus"))


def fit(corpus: Path, run: Path, *more: str) -> Localizer:
    main(["fit", "--config", CONFIG, f"--data.train=[{corpus}]", f"--trainer.default_root_dir={run}", *more])
    return Localizer.from_pretrained(run / "localizer")


@pytest.mark.slow
@pytest.mark.parametrize("motion", ["anchor_mesh", "refined_mesh", "flow", "none"])
def test_every_motion_gives_a_localizer(corpus: Path, tmp_path: Path, motion: str) -> None:
    localizer = fit(corpus, tmp_path, f"--model.model_args.motion={motion}")
    settings = localizer.settings
    assert localizer.model.config.motion == motion and (settings.frames, settings.stride) == (3, 1)
    assert settings.calibration.a >= 0 and 0 < settings.threshold < 1 and 0 < settings.mask_threshold < 1
    assert 0 <= settings.genuine_area <= 1
    assert settings.people == 2  # of five videos
    assert settings.genuine_faces == 4  # two genuine clips, and two forged ones before their forgery begins
    found = localizer.localize(masked_clip("f", 3, True))
    assert found.logit_T.shape == (30,) and found.mask_Thw.shape == (30, 32, 32)
    with (tmp_path / "logs" / "version_0" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in ("train/video", "train/mask", "train/overlap", "train/loss", "val/loss"):
        values = [float(row[name]) for row in rows if row[name]]
        assert values and all(math.isfinite(value) for value in values), name
    for name in ("val/auc", "val/pixel_auc", "val/placed_auc", "val/iou", "val/fpr", "val/genuine_area", "val/score"):
        values = [float(row[name]) for row in rows if row[name]]
        assert len(values) >= 2 and all(0 <= value <= 1 for value in values), name
    assert next(float(row["val/faces"]) for row in rows if row["val/faces"]) == 5


@pytest.mark.slow
def test_every_switch_at_once(corpus: Path, tmp_path: Path) -> None:
    localizer = fit(corpus, tmp_path, "--config", CONFIG.replace(".yaml", "_switches.yaml"))
    assert localizer.model.config.mesh == "dense" and localizer.settings.stride == 2
    saved = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    weights = localizer.model.state_dict()
    assert all(torch.equal(value, saved[f"model.{name}"]) for name, value in weights.items()), "averaged ones"


@pytest.mark.slow
def test_a_stream_trains_too_and_a_run_starts_from_a_localizer(corpus: Path, tmp_path: Path) -> None:
    one_epoch = ("--data.loader.cache=stream", "--data.loader.steps_per_epoch=2", "--trainer.max_epochs=1")
    first = fit(corpus, tmp_path / "first", *one_epoch)
    start = f"--model.start={tmp_path / 'first' / 'localizer'}"
    again = fit(corpus, tmp_path / "again", *one_epoch, start, "--model.model_args=null", "--model.optim.lr=0")
    assert torch.equal(first.model.fusion.query.weight, again.model.fusion.query.weight)
    with pytest.warns(UserWarning, match="motion branch of .* is left out"):
        none = fit(
            corpus, tmp_path / "none", *one_epoch, start, '--model.model_args={"motion": "none"}', "--model.optim.lr=0"
        )
    assert none.model.config.motion == "none"
    assert torch.equal(first.model.fusion.query.weight, none.model.fusion.query.weight)
    with pytest.raises(NpvfError, match="only make a new motion branch"):
        LocalizationModule(start="somewhere", backbone_pretrained=True)
    with pytest.raises(NpvfError, match="dim would change more than the motion branch"):
        LocalizationModule(start=str(tmp_path / "first" / "localizer"), model_args={"motion": "none", "dim": 8})


@pytest.mark.slow
def test_it_learns_where_and_whether() -> None:
    torch.manual_seed(0)
    windows = FaceWindows(FaceTransform(FaceSpec(32)), length=2)
    clips = [masked_clip(str(seed), seed, forged=seed % 2 == 1) for seed in range(4)]
    batch = collate_faces([windows.transform.crop(clip).window(10, 2) for clip in clips])
    model, objective = STDDL.create("stddl_nano", size=32, **SMALL), LocalizationObjective()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(30):
        out = objective(model, batch)
        optimizer.zero_grad()
        out["loss"].backward()
        optimizer.step()
        losses.append({name: float(value.detach()) for name, value in out.items()})
    for name, share in (("video", 0.5), ("mask", 0.5), ("overlap", 0.7)):
        assert losses[-1][name] < share * losses[0][name], name


def test_windows_make_segments_and_a_clip_is_fake_where_one_of_them_is() -> None:
    rows = [("a-t0-000", 1.0, 0), ("a-t0-000", 2.0, 1), ("a-t0-000", 5.0, 0)]
    rows += [("a-t1-000", -1.0, 0), ("b-t0-000", 5.0, -1)]
    found = clip_scores([FoundFace(key, key[0], "ann", logit, label, {}) for key, logit, label in rows], 2)
    assert [(clip.score.track, clip.score.logits, clip.label, clip.segment_labels) for clip in found] == [
        (0, (1.5, 5.0), 1, (1, 0)),
        (1, (-1.0,), 0, (0,)),
    ]
    assert {clip.person for clip in found} == {"ann"}


def test_genuine_clips_that_bring_a_forged_twin_are_visited_twice_for_each_forgery():
    labels = [FAKE] * 40 + [REAL] * 12
    turns, length = LocatedFaces(["corpus"], self_blended=True).turns(labels)
    sampler = BalancedSampler([(turn, "") for turn in turns], length=length)
    visited = [labels[draw.place] for draw in sampler]
    assert (visited.count(REAL), visited.count(FAKE)) == (16, 8)
    assert LocatedFaces(["corpus"]).turns(labels) == (labels, None)


def test_genuine_clips_alone_are_enough_and_people_come_in_turn(corpus: Path) -> None:
    data = LocatedFaces([str(corpus)], self_blended=True)
    metas = [masked_clip(f"{n}", n, forged=False, identity=who).meta for n, who in enumerate("aaaaabc")]
    classes = [((label, 0), person) for label, person in map(data.tag, metas)]
    drawn = [metas[draw.place].identity for draw in BalancedSampler(classes, length=9)]
    assert {who: drawn.count(who) for who in "abc"} == {"a": 3, "b": 3, "c": 3}
    assert data._makes_fakes() and not LocatedFaces([str(corpus)])._makes_fakes()


@pytest.mark.slow
def test_self_blended_windows_from_memory_are_those_from_shards(corpus: Path) -> None:
    batches = []
    for cache in ("memory", "stream"):
        loader = Loader(batch_size=2, cache=cache, steps_per_epoch=2)
        data = LocatedFaces([str(corpus)], windows=WindowFrames(2), self_blended=True, loader=loader)
        set_up(data, LocalizationModule("stddl_nano", {"size": 32, **SMALL}))
        batches.append([batch for (batch,) in data.train_dataloader()])
    for one, other in zip(*batches, strict=True):
        assert one.keys == other.keys and one.frames_BTCHW.shape[-1] == 32
        assert torch.equal(one.frames_BTCHW, other.frames_BTCHW)
        assert torch.equal(one.mask_BTHW, other.mask_BTHW)


def test_the_encoders_norms_can_keep_what_imagenet_says() -> None:
    module = LocalizationModule("stddl_nano", {"size": 32, **SMALL}, train_norms=False).train()
    norms = [m for m in module.model.picture_encoder.network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms and not any(norm.training for norm in norms)
    assert module.model.picture_encoder.reduce.training and module.model.decoder.training


def test_of_a_genuine_face_only_its_own_pixels_count() -> None:
    corners = torch.tensor([[8.0, 8.0], [23.0, 8.0], [23.0, 23.0], [8.0, 23.0]])
    probability = np.full((2, 32, 32), 0.01)
    probability[..., :12] = 0.99  # a quarter of the face, and all that lies left of it
    tally = PixelTally()
    count_face(tally, probability, SimpleNamespace(landmarks_BTN2=corners.expand(1, 3, 4, 2)))
    assert tally.frames == 2 and tally.genuine_K.sum() == 2 * 16 * 16
    assert share_called(tally, 0.5) == pytest.approx(0.25)
