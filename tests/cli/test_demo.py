import json

import pytest

from npvf.cli import demo as demo_module
from npvf.cli.demo import PICTURE_KINDS, TEST, TRAIN, VAL, Demo, config_path
from npvf.cli.main import main
from npvf.cli.synth import numbers
from npvf.errors import NpvfError


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What the demo would run."""
    seen: list[list[str]] = []
    monkeypatch.setattr(demo_module, "npvf", lambda argv: seen.append(argv) or 0)
    return seen


def test_nobody_is_in_two_parts() -> None:
    train, val, test = (set(numbers(people)) for people in (TRAIN, VAL, TEST))
    assert not (train & val or train & test or val & test)
    assert train | val | test == set(range(16))


def test_only_people_of_the_train_part_are_pretrained_on(commands, tmp_path) -> None:
    Demo(tmp_path, tmp_path, 0, 2).synth(8, 4)
    speech = next(argv for argv in commands if argv[1].endswith("speech"))
    assert speech[speech.index("--people") + 1] == TRAIN


def test_the_shipped_detector_judges_a_copy_and_a_forgery_first(commands, tmp_path, some_weights) -> None:
    for kind in ("none", demo_module.FIRST_KIND):
        (tmp_path / "first-look" / "forged" / kind / "person11").mkdir(parents=True)
        (tmp_path / "first-look" / "forged" / kind / "person11" / "a.mp4").touch()
    Demo(tmp_path, tmp_path, 5, 2).first_look()
    assert [argv[0] for argv in commands] == ["synth", "forge", "detect"]
    assert commands[1][commands[1].index("--kinds") + 1] == demo_module.FIRST_KIND
    videos = [tmp_path / "first-look/forged" / kind / "person11/a.mp4" for kind in ("none", demo_module.FIRST_KIND)]
    assert commands[2][1:3] == [str(video) for video in videos] and "--detector" not in commands[2]


@pytest.mark.parametrize("there", [True, False])
def test_without_shipped_weights_the_demo_begins_with_the_corpus(there, commands, tmp_path, request, capsys) -> None:
    request.getfixturevalue("some_weights" if there else "no_weights")
    if there:
        assert main(["demo", "--out", str(tmp_path / "demo")]) == 2  # nothing is rendered here: no clip to judge
        assert "first-look" in commands[0][1] and "has no clip" in capsys.readouterr().err
    else:
        with pytest.raises(FileNotFoundError):  # nothing is trained here, so there are no scores to choose clips by
            main(["demo", "--out", str(tmp_path / "demo")])
        assert commands[0][1] == str(tmp_path / "demo" / "speech")


def test_from_scratch_has_no_encoder(commands, tmp_path) -> None:
    run = Demo(tmp_path, tmp_path, 5, 2)
    run.finetune()
    run.finetune_from_scratch()
    from_encoder, scratch = commands
    assert from_encoder[from_encoder.index("--model.encoder") + 1] == str(tmp_path / "pretrain" / "encoder")
    assert scratch[scratch.index("--model.encoder") + 1] == "null"
    assert all(argv[argv.index("--seed_everything") + 1] == "5" for argv in commands)


def test_forged_pictures_are_for_the_localizer_and_both_meet_in_one_folder(commands, tmp_path) -> None:
    run = Demo(tmp_path, tmp_path, 5, 2)
    run.finetune()
    run.localize()
    run.fuse()
    speech, picture, measured, fused = commands
    kinds = [f"{kind}/*" for kind in PICTURE_KINDS]
    assert json.loads(speech[speech.index("--data.clips.exclude") + 1]) == kinds
    assert json.loads(picture[picture.index("--data.clips.include") + 1]) == ["none/*", *kinds]
    assert measured[measured.index("--include") + 1 : measured.index("--out")] == ["none/*", *kinds]
    assert measured[measured.index("--split") + 1] == "test" and "--split" not in fused  # it fits on val
    assert fused[fused.index("--localizer") + 1] == str(tmp_path / "localizer" / "localizer")


def test_the_localizer_has_its_place_in_the_metrics(tmp_path) -> None:
    pixel = {"auc": 0.9, "auc_ci": None, "f1": 0.5, "iou": 0.4, "iou_ci": None, "fpr": 0.01, "fpr_genuine": 0.0}
    part = {"pixel": pixel | {"forged_frames": 7, "genuine_frames": 9}, "video": {"auc": 0.8, "auc_ci": [0.7, 0.9]}}
    (tmp_path / "evaluate" / "localizer").mkdir(parents=True)
    content = part | {"by_manipulation": {"face_swap": {"pixel": {"iou": 0.3}}}}
    (tmp_path / "evaluate" / "localizer" / "metrics.json").write_text(json.dumps(content))
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "config.json").write_text(json.dumps({"fitted_on": {"auc_fused_held_out": 0.95}}))
    metrics = Demo(tmp_path, tmp_path, 0, 2).localization_metrics()
    assert (metrics["localize"]["pixel_iou"], metrics["localize"]["pixel_forged_frames"]) == (0.4, 7)
    assert metrics["localize"]["pixel_iou_by_manipulation"] == {"face_swap": 0.3}
    assert metrics["fuse"]["auc_fused_held_out"] == 0.95


def test_a_failing_step_stops_the_demo(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(demo_module, "npvf", lambda argv: 2)
    with pytest.raises(NpvfError, match="synth ended with status 2"):
        Demo(tmp_path, tmp_path, 0, 2).synth(1, 1)


def test_nothing_is_overwritten(tmp_path, capsys) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err


def test_metrics_gather_what_the_steps_wrote(tmp_path) -> None:
    line = {"status": "prepared", "clips": ["a", "b"]}
    for name in ("prepared-speech", "prepared-forged"):
        (tmp_path / name).mkdir()
        refused = {"status": "refused", "clips": []}
        (tmp_path / name / "manifest.jsonl").write_text(f"{json.dumps(line)}\n{json.dumps(refused)}\n")
        (tmp_path / name / "dataset.json").write_text(json.dumps({"complete": True, "shards": [], "clips": 2}))
    detection = {"auc": 0.9, "auc_ci": [0.8, 1.0], "coverage": 1.0, "by_manipulation": {"calibrated": {"auc": 0.7}}}
    synchrony = {"retrieval_r1": 0.5, "segments": 40, "sync_within_1": 1.0, "swap_auc": 0.9}
    written = {"detector": detection, "scratch": detection | {"auc": 0.6}}
    written["encoder"] = {
        "model_gated": synchrony,
        "baseline": {"swap_auc": 0.8},
        "baseline_change": {"swap_auc": 0.85},
    }
    for name, content in written.items():
        (tmp_path / "evaluate" / name).mkdir(parents=True)
        (tmp_path / "evaluate" / name / "metrics.json").write_text(json.dumps(content))
    metrics = Demo(tmp_path, tmp_path, 0, 2).metrics()
    assert metrics["prepare"] == {"clips": 4, "refused": 2}
    assert metrics["pretrain"]["retrieval_chance"] == 1 / 40
    assert metrics["detect"]["auc_by_manipulation"] == {"calibrated": 0.7}
    assert metrics["detect"]["auc_from_scratch"] == 0.6


@pytest.mark.parametrize("name", sorted(demo_module.DEMO_CONFIGS.values()))
def test_the_configurations_are_there(name: str) -> None:
    assert config_path(name).is_file()


def test_a_configuration_that_is_not_installed() -> None:
    with pytest.raises(NpvfError, match="reinstall"):
        config_path("pretrain/none.yaml")
