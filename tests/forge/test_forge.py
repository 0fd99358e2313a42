import json
from pathlib import Path

import numpy as np
import pytest

from npvf.cli.main import main
from npvf.clip import Phone, Phones
from npvf.errors import NpvfError, Refused
from npvf.forge.calibrated import forged_mouth
from npvf.forge.kinds import KINDS
from npvf.forge.run import forge
from npvf.forge.sound_shift import sound_shift
from npvf.forge.sound_swap import find_donors
from npvf.forge.source_video import SourceVideo, cut_phones, room_tone
from npvf.io.annotations import Annotation, read_sidecar
from npvf.io.masks import read_masks
from npvf.media.decode import iter_frames, read_audio
from npvf.media.encode import write_video
from npvf.speech.inventory import CRITICAL
from npvf.synth.corpus import plan


def _video(path: Path, seconds: float, pitch: float, meta: dict | None = None, sound: bool = True) -> Path:
    """A grey picture that counts its frames in brightness, and a beep every half second over a hiss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = (np.full((64, 64, 3), 60 + 2 * k % 160, np.uint8) for k in range(round(seconds * 25)))
    time = np.arange(round(seconds * 16000)) / 16000
    noise = np.random.default_rng(round(pitch)).normal(0, 0.003, len(time))
    audio = 0.3 * np.sin(2 * np.pi * pitch * time) * ((time % 0.5) > 0.25) + noise
    write_video(path, frames, audio=audio.astype(np.float32) if sound else None)
    if meta is not None:
        path.with_suffix(".meta.json").write_text(json.dumps(meta))
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    for name, split, seconds, pitch in (
        ("a1", "train", 2.0, 300),
        ("a2", "train", 2.2, 500),
        ("b1", "test", 2.4, 700),
        ("b2", "test", 2.6, 900),
    ):
        meta = {"label": 0, "identity": name[0], "split": split, "transcript": f"sentence {name}"}
        _video(folder / name[0] / f"{name}.mp4", seconds, pitch, meta)
    phones = Phones((Phone("sil", 0, 0.25), Phone("aa", 0.25, 1.5), Phone("m", 1.5, 2.0)), "times")
    (folder / "a" / "a1.phones.json").write_text(json.dumps(phones.to_json()))
    return folder


@pytest.fixture(scope="module")
def forged(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("forged")
    forge(source, out, kinds=("sound_swap", "sound_shift", "calibrated"), copies=True, seed=1)
    return out


def _tone(audio_N: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(audio_N))
    return float(np.argmax(spectrum) * 16000 / len(audio_N))


@pytest.mark.slow
def test_a_copy_says_what_it_is_a_copy_of(forged: Path) -> None:
    copies = {video.name[:2]: read_sidecar(video) for video in (forged / "none").rglob("*.mp4")}
    assert {name: (said.label, said.original) for name, said in copies.items()} == {
        name: (0, f"{name[0]}/{name}.mp4") for name in ("a1", "a2", "b1", "b2")
    }


@pytest.mark.slow
def test_a_swap_takes_a_sound_of_its_own_split_and_says_whose(forged: Path) -> None:
    own = {"a1": 300, "a2": 500, "b1": 700, "b2": 900}
    partner = {"a1": "a2", "a2": "a1", "b1": "b2", "b2": "b1"}
    videos = sorted((forged / "sound_swap").rglob("*.mp4"))
    assert len(videos) == 4
    for video in videos:
        name = video.name[:2]
        said = read_sidecar(video)
        assert (said.label, said.manipulation, said.original) == (1, "sound_swap", f"{name[0]}/{name}.mp4")
        assert said.identities == (name[0],)
        assert said.transcript == f"sentence {partner[name]}"
        assert _tone(read_audio(video)) == pytest.approx(own[partner[name]], abs=5)
        frames = len(list(iter_frames(video)))
        assert said.intervals == ((0.0, frames / 25),)
        assert len(read_audio(video)) == pytest.approx(frames * 640, abs=1024)


def test_a_shift_moves_the_sound_and_its_phones_and_fills_with_room_tone(forged: Path, source: Path) -> None:
    video = next((forged / "sound_shift").rglob("a1-*.mp4"))
    moved, original = read_audio(video)[:32_000], read_audio(source / "a" / "a1.mp4")[:32_000]
    phones = Phones.from_json(json.loads(video.with_suffix(".phones.json").read_text()))
    (m,) = (p for p in phones.items if p.phone == "m")
    (aa,) = (p for p in phones.items if p.phone == "aa")
    shift = aa.end - 1.5
    assert 0.32 <= round(abs(shift), 3) <= 0.6
    assert phones.items[0].start == 0 and phones.items[-1].end == pytest.approx(2.0)
    assert m.start == pytest.approx(1.5 + shift)
    n = round(shift * 16000)
    kept, there = (original[-n:], moved[:n]) if n < 0 else (original[:-n], moved[n:])
    assert np.corrcoef(kept[400:20_000], there[400:20_000])[0, 1] > 0.9
    vacated = moved[:n] if n > 0 else moved[n:]
    level = np.sqrt((vacated[320:-320].reshape(-1, 640) ** 2).mean(1))
    assert (level > 5e-4).all() and (level < 0.02).all()


def test_a_forged_sound_has_a_mask_without_a_pixel(forged: Path) -> None:
    for video in [*(forged / "sound_swap").rglob("*.mp4"), *(forged / "sound_shift").rglob("*.mp4")]:
        said, masks = read_sidecar(video), read_masks(video.with_suffix(".mask.npz"))
        assert (said.audio_label, said.video_label) == (1, 0)
        assert masks.shape == (len(list(iter_frames(video))), 64, 64) and not masks.any()


def test_videos_listed_by_absolute_paths_are_forged_into_the_folder_all_the_same(source: Path, tmp_path: Path) -> None:
    listed = tmp_path / "lists" / "list.csv"
    listed.parent.mkdir()
    (tmp_path / "near.mp4").write_bytes((source / "a" / "a2.mp4").read_bytes())
    listed.write_text(f"path\n{source / 'a' / 'a1.mp4'}\n../near.mp4\n")
    before = sorted(source.rglob("*"))
    forge(listed, tmp_path / "out", kinds=("sound_shift",))
    assert sorted(source.rglob("*")) == before
    made = {path.name for path in (tmp_path / "out").rglob("*.mp4")}
    assert made == {"a1-sound_shift-0.mp4", "near-sound_shift-0.mp4"}


def test_two_sources_are_never_forged_into_one_file(source: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mov"):
        (tmp_path / name).write_bytes((source / "a" / "a1.mp4").read_bytes())
    with pytest.raises(NpvfError, match="into one file"):
        forge(tmp_path, tmp_path / "out", kinds=("sound_shift",))


def test_copies_are_real_and_have_the_same_history(forged: Path) -> None:
    copies = sorted((forged / "none").rglob("*.mp4"))
    assert len(copies) == 4
    for copy in copies:
        said = read_sidecar(copy)
        assert said.label == 0 and said.manipulation is None and said.intervals == ()
        fake = next((forged / "sound_shift").rglob(f"{copy.name[:2]}-*.mp4"))
        for a, b in zip(iter_frames(copy), iter_frames(fake), strict=True):
            np.testing.assert_array_equal(a, b)


def test_what_cannot_be_forged_has_a_line_that_says_why(forged: Path) -> None:
    lines = [json.loads(line) for line in (forged / "forge.jsonl").read_text().splitlines()]
    refused = [line for line in lines if line["status"] == "refused"]
    assert {line["manipulation"] for line in refused} == {"calibrated"} and len(refused) == 4
    assert all("npvf synth" in line["sentence"] for line in refused)
    assert sum(line["status"] == "written" for line in lines) == 12


def test_unusable_sources_are_refused_each_with_its_reason(tmp_path: Path) -> None:
    _video(tmp_path / "in" / "silent.mp4", 1.2, 300, sound=False)
    _video(tmp_path / "in" / "fake.mp4", 1.2, 300, {"label": 1})
    _video(tmp_path / "in" / "alone.mp4", 1.2, 300)
    (tmp_path / "in" / "broken.mp4").write_bytes(b"no video")
    summary = forge(tmp_path / "in", tmp_path / "out", kinds=("sound_swap", "sound_shift"))
    reasons = {(Path(line["original"]).stem, line["manipulation"]): line.get("reason") for line in summary.lines}
    assert reasons == {
        ("silent", "any"): "no_audio",
        ("fake", "any"): "impossible",
        ("broken", "any"): "undecodable",
        ("alone", "sound_swap"): "impossible",
        ("alone", "sound_shift"): None,
    }
    assert summary.count("written") == {"sound_shift": 1}
    with pytest.raises(NpvfError, match="nothing could be made"):
        forge(tmp_path / "in", tmp_path / "none", kinds=("sound_swap",))
    with pytest.raises(NpvfError, match="unknown kind"):
        forge(tmp_path / "in", tmp_path / "none", kinds=("face_swop",))


def test_donors_are_near_in_length_and_of_another_sentence() -> None:
    def take(video: str, seconds: float, **said: str) -> SourceVideo:
        return SourceVideo(video, Path(video), Annotation(**said), seconds)  # type: ignore[arg-type]

    mine = take("x", 4.0, transcript="one", split="train")
    others = [
        take("short", 2.0, transcript="two", split="train"),
        take("same", 4.0, transcript="one", split="train"),
        take("test", 4.0, transcript="two", split="test"),
        take("long", 9.0, transcript="two", split="train"),
        take("near", 4.2, transcript="two", split="train"),
    ]
    assert [t.video for t in find_donors(mine, [mine, *others])] == ["near", "long"]
    me = take("m", 4.0, identity="p", split="train")
    crowd = [take("other", 4.0, identity="q", split="train"), take("own", 5.0, identity="p", split="train")]
    assert [t.video for t in find_donors(me, [me, *crowd])] == ["own"]


def test_a_clip_too_short_to_shift_is_refused(tmp_path: Path) -> None:
    path = _video(tmp_path / "brief.mp4", 1.0, 300)
    with pytest.raises(Refused, match="too_short"):
        sound_shift(SourceVideo("brief", path, Annotation(), 1.0), 25, [], np.random.default_rng(0))


def test_room_tone_is_the_clips_own_noise() -> None:
    rng = np.random.default_rng(0)
    hiss = rng.normal(0, 0.004, 48_000)
    hiss = np.convolve(hiss, np.ones(4) / 2, "same")
    speech = hiss + 0.3 * np.sin(np.arange(48_000)) * ((np.arange(48_000) // 8000) % 2)
    tone = room_tone(speech.astype(np.float32), 16_000, np.random.default_rng(1))
    assert tone.std() == pytest.approx(hiss.std(), rel=0.15)
    spectra = [np.abs(np.fft.rfft(x[:16_000])) ** 2 for x in (tone, hiss)]
    low = [s[:2000].sum() / s.sum() for s in spectra]
    assert low[0] == pytest.approx(low[1], abs=0.05)


def test_phones_are_cut_to_the_clip_with_silence_around() -> None:
    phones = Phones((Phone("aa", 0.0, 0.5), Phone("b", 0.5, 1.0)), "times")
    later = cut_phones(phones, -0.4, 1.0)
    assert later is not None
    assert [(p.phone, pytest.approx(p.start), pytest.approx(p.end)) for p in later.items] == [
        ("sil", 0.0, 0.4),
        ("aa", 0.4, 0.9),
        ("b", 0.9, 1.0),
    ]


def test_a_calibrated_mouth_closes_with_the_sound_and_moves_otherwise() -> None:
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("skimage")
    (recipe,) = plan(1, seed=6, size=160)
    sound = recipe.speech()
    true = recipe.puppet().articulate(sound.phones, sound.seconds).aperture_T
    false = forged_mouth(recipe, "She chose a yellow shawl to show her youngest cousin.").aperture_T
    assert len(true) == len(false)
    for phone in sound.phones.items:
        if phone.phone in CRITICAL:
            frames = slice(int(phone.start * 25), int(phone.end * 25) + 2)
            assert false[frames].min() == true[frames].min() == 0
    open_frames = (true > 0.05) | (false > 0.05)
    assert np.corrcoef(true[open_frames], false[open_frames])[0, 1] < 0.75


def test_the_kinds_are_listed_with_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forge", "--kinds"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(KINDS)
    assert all(len(line.split()) > 4 for line in lines)
    assert main(["forge"]) == 2
