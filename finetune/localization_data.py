"""A labelled prepared corpus for ST-DDL: windows of single faces with the masks of their forged pixels."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from finetune.data import LabelledClips, LabelledFaces
from npvf.clip import CROP_SIZE, REAL, ClipMeta
from npvf.data.face_augment import FaceAugment
from npvf.data.face_sample import picture_label
from npvf.data.face_windows import FaceTransform, FaceWindows, collate_faces
from npvf.errors import NpvfError
from npvf.models import STDDL, PretrainedModel
from npvf.training.data import Loader

GENUINE = 2  # samples of real clips for each sample of a forged one, if real clips bring a self-blended copy


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class WindowFrames:
    """The window of a clip that a training step uses: a few frames of one face.

    Args:
        frames: frames of a window; the last one only says where the others move to. The published code tests 3 and
            calls 32 its default.
        stride: frames of the clip from one frame of a window to the next; 1 shows the smallest motion, 40 ms.
        val_every: frames of the clip from one window of a validation to the next.
    """

    frames: int = 4
    stride: int = 1
    val_every: int = 12


class LocatedFaces(LabelledFaces):
    """Real and forged faces for localization, each face on its own, speaking or not.

    The label says whether the picture is forged (`npvf.data.face_sample.judge_picture`): a clip whose picture is known
    to be real counts as real even if its sound is forged. Clips with an unknown picture do not take part.

    Args:
        train: prepared corpora to train on.
        val: prepared corpora to validate on; null: those of `train`.
        clips: which videos are trained on and which are validated on.
        balance: real and fake in turn, people in turn among the reals, and manipulations among the fakes.
        windows: what a step looks at in a clip.
        augment: random changes of pictures, landmarks and masks together, null for none.
        self_blended: return each genuine window in a genuine and a forged version (`npvf.data.self_blended`), and draw
            genuine clips twice as often as forged ones. Most forgeries then have their original beside them. No forged
            clips are needed to train on.
        loader: how clips are read and batched; a batch is one of windows. An epoch takes one window
            for each second of a clip.
        seed: of every random draw. The command sets it to `seed_everything`.

    Raises:
        NpvfError: a window is too short to show a motion.
    """

    def __init__(
        self,
        train: list[str],
        val: list[str] | None = None,
        clips: LabelledClips = LabelledClips(),
        balance: bool = True,
        windows: WindowFrames = WindowFrames(),
        augment: FaceAugment | None = FaceAugment(),
        self_blended: bool = False,
        loader: Loader = Loader(batch_size=8),
        seed: int = 0,
    ) -> None:
        super().__init__(train, val, clips, balance, augment=None, loader=loader, seed=seed)
        if windows.frames < 2 or windows.stride < 1:
            raise NpvfError("data.windows needs at least 2 frames and a stride of at least 1 to show a motion")
        self.frames, self.stride, self.val_every = windows.frames, windows.stride, windows.val_every
        self.face_augment, self.self_blended = augment, self_blended
        self.labelled = replace(self.labelled, speakers_only=False)

    def adopt(self, model: PretrainedModel) -> None:
        """Pictures of the model's size; optical flow where it wants that."""
        assert isinstance(model, STDDL)
        self.face_spec = model.config.inputs

    def windows(self, augmented: bool) -> FaceWindows:
        """A few frames at a time."""
        augment = self.face_augment if augmented else None
        transform = FaceTransform(self.face_spec, augment, CROP_SIZE if augmented and self.self_blended else None)
        return FaceWindows(transform, self.frames, self.stride, self.val_every, self.self_blended)

    def bytes_per_frame(self) -> int:
        """Picture and mask, a byte a pixel and channel, and landmarks."""
        return 4 * (CROP_SIZE if self.self_blended else self.face_spec.size) ** 2 + 478 * 8

    def label(self, meta: ClipMeta) -> int | None:
        """Is the picture forged?"""
        return picture_label(meta.label, meta.audio_label, meta.video_label)

    def tag(self, meta: ClipMeta) -> tuple[int | None, str | None]:
        """Label, and what comes in turn within it: people among genuine clips, manipulations among forged ones."""
        label = self.label(meta)
        return label, meta.identity or meta.video if label == REAL else meta.manipulation

    def _makes_fakes(self) -> bool:
        return self.self_blended

    def turns(self, labels: Sequence[int | None]) -> tuple[list[Hashable], int | None]:
        """Labels, genuine clips more often where they bring forgeries: an epoch then draws each about 1.3 times."""
        if not self.self_blended:
            return super().turns(labels)
        turns = [(label, place % GENUINE if label == REAL else 0) for place, label in enumerate(labels)]
        return list(turns), 2 * labels.count(REAL)

    def collate_windows(self, windows: Sequence[Any]) -> Any:
        """(FaceBatch,)."""
        return (self.collate(windows),)

    def collate(self, clips: Sequence[Any]) -> Any:
        """The windows of all clips as one FaceBatch."""
        return collate_faces([window for windows in clips for window in windows])
