"""A labelled prepared corpus for ST-DDL: windows of single faces with the masks of their forged pixels."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

from finetune.data import LabelledFaces
from npvf.clip import REAL, ClipMeta
from npvf.data.face_augment import FaceAugment
from npvf.data.face_sample import picture_label
from npvf.data.face_windows import FaceTransform, FaceWindows, collate_faces
from npvf.data.selection import Selection
from npvf.errors import NpvfError
from npvf.models import STDDL, PretrainedModel
from npvf.training.data import Cache

GENUINE = 3  # visits of genuine clips for each visit of a forged one, where they bring a forged twin


class LocatedFaces(LabelledFaces):
    """Real and forged faces, each on its own, speaking or not.

    What counts is whether the picture is forged (`npvf.data.face_sample.judge_picture`): a clip whose picture is said
    to be real is so here, whatever became of its sound. Where nothing is known of the picture, a clip takes no part.

    Args:
        train, val, train_split, val_split, val_identities, split_file, include, exclude, balance: as for the detector.
        batch_size: windows a step.
        frames: of a window; the facts recommend 3 to 8. One of them only says where the others move to.
        stride: frames of the clip from one frame of a window to the next: 1 shows the smallest motion, 40 ms.
        val_every: frames of a clip from one window of a validation to the next.
        augment: random changes of pictures, landmarks and masks together, null for none.
        self_blended: a visit of a genuine clip brings its window forged on the spot (`npvf.data.self_blended`) with it,
            and genuine clips are visited three times for each forged one: so most forgeries have their original beside
            them, and labels are nearly balanced.
        cache, steps_per_epoch, workers, seed: as in pre-training. An epoch visits a clip once for each second.
    """

    def __init__(
        self,
        train: list[str],
        val: list[str] | None = None,
        train_split: str | None = "train",
        val_split: str | None = "val",
        val_identities: list[str] | None = None,
        split_file: str | list[str] | None = None,
        include: list[str] | None = None,
        exclude: list[str] | None = None,
        balance: bool = True,
        batch_size: int = 8,
        frames: int = 4,
        stride: int = 1,
        val_every: int = 12,
        augment: FaceAugment | None = FaceAugment(),  # noqa: B008  (frozen)
        self_blended: bool = False,
        cache: Cache = "auto",
        steps_per_epoch: int | None = None,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            train,
            val,
            train_split,
            val_split,
            val_identities,
            split_file,
            include,
            exclude,
            balance,
            batch_size,
            augment=None,
            cache=cache,
            steps_per_epoch=steps_per_epoch,
            workers=workers,
            seed=seed,
        )
        if frames < 2 or stride < 1:
            raise NpvfError("a window needs at least 2 frames, and a stride of at least 1, to show a motion")
        self.frames, self.stride, self.val_every, self.face_augment = frames, stride, val_every, augment
        self.self_blended = self_blended
        self.labelled = replace(self.labelled, speakers_only=False)

    def adopt(self, model: PretrainedModel) -> None:
        """Pictures of the model's size; optical flow where it wants that."""
        assert isinstance(model, STDDL)
        self.face_spec = model.config.inputs

    def windows(self, augmented: bool) -> FaceWindows:
        """A few frames at a time."""
        transform = FaceTransform(self.face_spec, self.face_augment if augmented else None)
        return FaceWindows(transform, self.frames, self.stride, self.val_every, self.self_blended)

    def bytes_per_frame(self) -> int:
        """Picture and mask, a byte a pixel and channel, and landmarks."""
        return 4 * self.face_spec.size**2 + 478 * 8

    def label(self, meta: ClipMeta) -> int | None:
        """Is the picture forged?"""
        return picture_label(meta.label, meta.audio_label, meta.video_label)

    def training_selections(self) -> list[Selection]:
        """Of a stream, in turn."""
        selections = super().training_selections()
        return [*[selections[0]] * GENUINE, *selections[1:]] if self.self_blended and self.balance else selections

    def turns(self, labels: Sequence[int | None]) -> tuple[list[Hashable], int | None]:
        """Labels, genuine clips more often where they bring forgeries: an epoch then visits each some 1.5 times."""
        if not self.self_blended:
            return super().turns(labels)
        turns = [(label, place % GENUINE if label == REAL else 0) for place, label in enumerate(labels)]
        return list(turns), 2 * labels.count(REAL)

    def collate_visits(self, visits: Sequence[Any]) -> Any:
        """(FaceBatch,)."""
        return (self.collate(visits),)

    def collate(self, clips: Sequence[Any]) -> Any:
        """The windows of all clips as one FaceBatch."""
        return collate_faces([window for windows in clips for window in windows])
