"""Every corpus in miniature, shaped like the real thing on disk with its traps; the videos show a photographed face."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from skimage import data

FRAMES, RATE = 32, 16_000
CODECS = {".mp4": "libx264", ".avi": "mjpeg", ".mpg": "mpeg1video", ".m4a": None, ".wav": None}
SOUNDS = {".mp4": "aac", ".avi": None, ".mpg": "mp2", ".m4a": "aac", ".wav": "pcm_s16le"}


class Maker:
    """Makes files of a corpus at `root`. Each kind is encoded once; copies differ in bytes that players pass over."""

    def __init__(self, templates: Path, root: Path) -> None:
        self.templates, self.root = templates, root
        self.count = 0

    def media(self, path: str, sound: bool = True, face: bool = True) -> None:
        """A video, or sound alone, as the ending says; without a face it is silent, which is refused soonest."""
        self._copy(path, "face" if face else "room", sound)

    def mask(self, path: str) -> None:
        """A mask video: the lower half is forged."""
        self._copy(path, "mask", False)

    def pictures(self, folder: str) -> None:
        """A folder of JPEGs, 001, 002, ..."""
        encoded = cv2.imencode(".jpg", picture()[..., ::-1])[1].tobytes()
        (self.root / folder).mkdir(parents=True)
        for number in range(1, FRAMES + 1):
            (self.root / folder / f"{number:03d}").write_bytes(encoded)

    def _copy(self, path: str, shows: str, sound: bool) -> None:
        template = self.templates / f"{shows}-{'sound' if sound else 'mute'}{Path(path).suffix}"
        if not template.is_file():
            encode(template, PICTURES[shows](), sound, loud=shows == "face")
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(template, target)
        self.count += 1
        with target.open("ab") as file:  # an empty `free` box in MP4, behind the end in the others
            file.write(b"\0\0\0\x10free" + self.count.to_bytes(8, "big"))

    def text(self, path: str, content: str, encoding: str = "utf-8") -> None:
        """A text file."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding=encoding)

    def json(self, path: str, content: object) -> None:
        """A JSON file."""
        self.text(path, json.dumps(content))


def picture() -> np.ndarray:
    """(160, 160, 3) uint8: NASA's portrait of Eileen Collins."""
    return cv2.resize(np.ascontiguousarray(data.astronaut()[0:256, 96:352]), (160, 160), interpolation=cv2.INTER_AREA)


def half() -> np.ndarray:
    """(160, 160, 3) uint8, white below."""
    return np.repeat(np.uint8([0, 255]), 80)[:, None, None].repeat(160, 1).repeat(3, 2)


PICTURES = {"face": picture, "mask": half, "room": lambda: np.full((160, 160, 3), 90, np.uint8)}


def encode(path: Path, image: np.ndarray, sound: bool, loud: bool) -> None:
    """1.28 s: a still picture at 25 fps (an MPEG program stream knows no other of ours), and bursts of a tone."""
    time_N = np.arange(FRAMES * RATE // 25) / RATE
    audio_N = (0.4 * loud * np.sin(2 * np.pi * 220 * time_N) * (time_N % 0.8 >= 0.2)).astype(np.float32)
    with av.open(str(path), "w") as container:
        codec, audio_codec = CODECS[path.suffix], SOUNDS[path.suffix] if sound else None
        video = container.add_stream(codec, rate=25) if codec else None
        if video:
            video.height, video.width = image.shape[:2]
            video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        voice = container.add_stream(audio_codec, rate=RATE, layout="mono") if audio_codec else None
        for k in range(FRAMES if video else 0):
            frame = av.VideoFrame.from_ndarray(image)
            frame.pts, frame.time_base = k, Fraction(1, 25)
            container.mux(video.encode(frame))
        if video:
            container.mux(video.encode())
        if voice:
            frame = av.AudioFrame.from_ndarray(audio_N[None], "flt", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
            container.mux(voice.encode(frame))
            container.mux(voice.encode())


def voxceleb2(make: Maker) -> None:
    for subset, person in (("dev", "id00012"), ("test", "id00017")):
        make.media(f"{subset}/mp4/{person}/21Uxsk56VDQ/00001.mp4", sound=False, face=subset == "dev")
        make.media(f"{subset}/aac/{person}/21Uxsk56VDQ/00001.m4a", face=subset == "dev")
    make.media("dev/mp4/id00012/2DLq_Kkc1r8/00016.mp4", sound=False)  # without sound
    make.text(
        "vox2_meta.csv", "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \nid00012 ,n000011 ,m ,dev \nid00017 ,n1 ,f ,test \n"
    )


def lrs2(make: Maker) -> None:
    for name in ("main/5535415699068794046/00001", "pretrain/5535496873950688380/00005"):
        make.media(f"mvlrs_v1/{name}.mp4", face=name.startswith("main"))
        make.text(f"mvlrs_v1/{name}.txt", "Text:  WHEN {NS} YOU'RE COOKING\nConf:  4\n\nWORD START END\nWHEN 0.1 0.4\n")
    make.text("test.txt", "5535415699068794046/00001 NF_000123\n")
    make.text("train.txt", "5535415699068794046/00009\n")  # not there
    make.text("val.txt", "")


def lrs3(make: Maker) -> None:
    for split in ("pretrain", "trainval", "test"):
        make.media(f"lrs3/{split}/0Fi83BHQsMA/00002.mp4", face=split == "test")
        make.text(f"lrs3/{split}/0Fi83BHQsMA/00002.txt", "Text:  SO THIS IS GOOD\nConf:  5\nRef:  0Fi83BHQsMA\n")


def avspeech(make: Maker) -> None:
    make.media("train/a-_B3cD4eF5_90.000_93.000.mp4")
    make.media("test/0_12345-7_9_12.mp4", face=False)
    make.media("test/short.mp4", face=False)


def grid(make: Maker) -> None:
    make.media("s1/bbaf2n.mpg")
    make.text("align/s1/bbaf2n.align", "0 7250 sil\n7250 12000 bin\n12000 17000 blue\n17000 20000 sp\n20000 32000 at\n")
    make.media("s2/video/lwbsza.mpg", face=False)
    make.media("s2/video/readme.mpg", face=False)


FAKEAVCELEB = """source,target1,target2,method,category,type,race,gender,path,
{people}
"""


def fakeavceleb(make: Maker, people: int = 2, root: str = "FakeAVCeleb_v1.2/FakeAVCeleb_v1.2") -> None:
    rows = []

    def row(person: int, method: str, category: str, kind: str, name: str, target: str, there: bool = True) -> None:
        race = "Asian (South)" if person % 2 else "Caucasian (American)"
        folder = f"{kind}/{race}/women/id0000{person}"
        rows.append(f"id0000{person},{target},-,{method},{category},{kind},{race},women,{name},FakeAVCeleb/{folder}")
        if there:
            make.media(f"{root}/{folder}/{name}")

    for person in range(people):
        row(person, "real", "A", "RealVideo-RealAudio", "00109.mp4", "-")
        name = f"00109_id0000{person}_wavtolip.mp4"
        row(person, "wav2lip", "D", "FakeVideo-FakeAudio", name, f"id0000{person}")
    for method in ("wav2lip", "faceswap-wav2lip"):  # the same file under two methods
        row(0, method, "D", "FakeVideo-FakeAudio", "00109_id00002_wavtolip.mp4", "id00002")
    row(0, "fsgan", "C", "FakeVideo-RealAudio", "00109_id00001_UHoM_LSjlDo.mp4", "id00001", there=False)
    row(0, "faceswap", "C", "FakeVideo-RealAudio", "00109_10.mp4", "10", there=False)
    make.media(f"{root}/FakeVideo-RealAudio/African/men/id00099/00001_stray.mp4", face=False)
    make.text(f"{root}/meta_data.csv", FAKEAVCELEB.format(people="\n".join(rows)))


def dfdc(make: Maker) -> None:
    part = "dfdc_train_part_0/dfdc_train_part_0"
    entries = {
        "aabb.mp4": {"label": "REAL", "split": "train", "original": None},
        "ccdd.mp4": {"label": "FAKE", "split": "train", "original": "aabb.mp4"},
        "eeff.mp4": {"label": "FAKE", "split": "train", "original": "gone.mp4"},
        "gghh.mp4": {"label": "fakeish", "split": "train", "original": None},
    }
    make.json(f"{part}/metadata.json", entries)
    make.media(f"{part}/aabb.mp4", face=False)
    make.media(f"{part}/ccdd.mp4")
    make.media(f"{part}/gghh.mp4", face=False)
    make.text(
        "metadata_audio_altered.csv",
        "train_mp4,label,original,split,audio_altered\nccdd.mp4,FAKE,aabb.mp4,train,True\n",
    )
    make.text("validation/labels.csv", "filename,label\nxxyy.mp4,1\n")
    make.media("validation/xxyy.mp4", face=False)


def dfdc_preview(make: Maker) -> None:
    real, fake = "original_videos/1061891/1061891_A_002.mp4", "method_A/1061891/1061891_D/1057816_1061891_D_001.mp4"
    entries = {
        real: {"label": "real", "set": "train", "target_id": "1061891", "swapped_id": None},
        fake: {"label": "fake", "set": "test", "target_id": 1061891, "swapped_id": "1057816"},
    }
    make.json("dfdc_preview_set/dataset.json", entries)
    for path in entries:
        make.media(f"dfdc_preview_set/{path}", face=path == fake)


def faceforensics(make: Maker) -> None:
    for name in ("000", "003"):
        make.media(f"original_sequences/youtube/c23/videos/{name}.mp4", sound=False, face=name == "000")
    make.media("original_sequences/actors/c23/videos/01__kitchen_pan.mp4", sound=False, face=False)
    make.media("manipulated_sequences/Deepfakes/c23/videos/000_003.mp4", sound=False)
    make.mask("manipulated_sequences/Deepfakes/masks/videos/000_003.mp4")
    make.media("manipulated_sequences/DeepFakeDetection/c23/videos/01_02__kitchen_pan__ABCDEFGH.mp4", False, face=False)
    for split, pairs in {"train": [["000", "003"]], "val": [], "test": []}.items():
        make.json(f"splits/{split}.json", pairs)


def celebdf(make: Maker) -> None:
    for path in ("Celeb-real/id0_0000.mp4", "YouTube-real/00170.mp4", "Celeb-synthesis/id0_id16_0000.mp4"):
        make.media(f"Celeb-DF-v2/{path}", face=path.startswith("Celeb-synthesis"))
    make.text(
        "Celeb-DF-v2/List_of_testing_videos.txt",
        "1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id16_0000.mp4\n1 Celeb-real/id61_0009.mp4\n",
    )


def kodf(make: Maker) -> None:
    make.text("원본영상_메타데이터.csv", "영상ID,인물성별,UUID,스크립트파일\nr_1.mp4,여,u1,s1.txt\n", "utf-8-sig")
    rows = ["영상ID,변조모델,타겟영상,인물성별,소스UUID,타겟UUID", "f_1.mp4,dfl,r_1.mp4,여,u2,u1"]
    make.text("변조영상_메타데이터.csv", "\n".join([*rows, "f_2.mp4,audio_driven,r_1.mp4,여,u2,u1\n"]))
    make.media("원천데이터/real/u1/r_1.mp4", face=False)
    make.media("원천데이터/fake/dfl/f_1.mp4")
    make.media("원천데이터/fake/audio/f_2.mp4", face=False)


def deepfaketimit(make: Maker) -> None:
    for quality, wav in (("higher_quality", "sa1.wav"), ("lower_quality", "sa1-video-fram1.wav")):
        make.media(f"DeepfakeTIMIT/{quality}/fadg0/sa1-video-fram1.avi", face=quality == "lower_quality")
        make.media(f"DeepfakeTIMIT/{quality}/fadg0/{wav}", face=quality == "lower_quality")
    make.pictures("VidTIMIT/fadg0/video/sa1")
    make.media("VidTIMIT/fadg0/audio/sa1.wav")
    make.pictures("VidTIMIT/fadg0/video/head")


def lavdf(make: Maker, people: int = 1) -> None:
    entries = []
    for split in ("train", "dev"):
        for n in range(people):
            for forged in (False, True):
                spans = [[0.2, 0.7]] if forged else []
                name, real = f"{split}/{n}{int(forged)}.mp4", f"{split}/{n}0.mp4" if forged else None
                entry = {"file": name, "n_fakes": len(spans), "fake_periods": spans, "original": real, "split": split}
                entries.append(entry | {"modify_video": forged, "modify_audio": False})
                make.media(f"LAV-DF/LAV-DF/LAV-DF/{name}")
    broken = {"file": "test/9.mp4", "n_fakes": 1, "fake_periods": [], "original": None, "split": "test"}
    entries.append(broken | {"modify_video": True, "modify_audio": False})
    make.json("LAV-DF/LAV-DF/LAV-DF/metadata.min.json", entries)


def avdeepfake1m(make: Maker) -> None:
    folder, entries = "id00012/21Uxsk56VDQ/00001", []
    for kind, spans in (("real", []), ("both_modified", [[0.3, 0.6]]), ("both-modified", [[0.3, 0.6]])):
        name = f"{folder}/{kind}.mp4"
        entry = {"file": name, "original": f"{folder}/real.mp4", "split": "train", "modify_type": kind}
        entries.append(entry | {"audio_model": "vits", "fake_segments": spans, "audio_fake_segments": spans})
        make.media(f"train/{name}", face=kind == "both_modified")
    make.json("train_metadata.json", entries)
    make.text("test_files.txt", "000001.mp4\n")
    make.media("test/000001.mp4", face=False)


def manualfake(make: Maker) -> None:
    make.media("ManualFake/real/videos/real_01.mp4", sound=False, face=False)
    make.media("ManualFake/fake/videos/fake_01.mp4", sound=False)
    make.mask("ManualFake/fake/masks/fake_01.mp4")


def folder(make: Maker) -> None:
    make.media("a/one.mp4")
    make.json("a/one.meta.json", {"label": 0})


def csv(make: Maker) -> None:
    make.media("one.mp4")
    make.text("list.csv", "path,label\none.mp4,1\ngone.mp4,0\n", "utf-8-sig")


MINIATURES: dict[str, Callable[[Maker], None]] = {
    make.__name__: make
    for make in (
        voxceleb2,
        lrs2,
        lrs3,
        avspeech,
        grid,
        fakeavceleb,
        dfdc,
        dfdc_preview,
        faceforensics,
        celebdf,
        kodf,
        deepfaketimit,
        lavdf,
        avdeepfake1m,
        manualfake,
        folder,
        csv,
    )
}
