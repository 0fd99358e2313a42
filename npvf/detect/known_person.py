"""`KnownPerson`: does a face move as the same person does in videos that are known to be genuine?

The windows of a questioned video are compared with those of the genuine ones (`npvf.faces.habits`), and its distance
with those of each genuine video from the others. Nothing is trained, and no likelihood ratio is given: a handful of
videos of one person supports none. The answer is a rank: "farther from the others than 12 of 12 genuine videos".
It never changes the verdict (`npvf.detect.rule`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from npvf.clip import FPS, Clip, PersonComparison
from npvf.errors import NpvfError, Reason, Refused
from npvf.faces.habits import habit_windows
from npvf.faces.landmarks import Landmarker
from npvf.faces.mouth_motion import WINDOW
from npvf.io.sources import VIDEO_SUFFIXES
from npvf.prepare.ingest import IngestSettings, read_clips

NEAREST = 3  # windows of the genuine videos that a window is compared with
LEAST_VIDEOS = 5  # with fewer, even the farthest of all says little
LEAST_SECONDS = 20.0  # of the genuine videos


class KnownPerson:
    """The motion of a person in genuine videos.

    Args:
        windows: (K, 91) of each genuine video, `npvf.faces.habits.habit_windows`; videos without a window are left out.

    Raises:
        NpvfError: there are too few genuine videos, or they are too short.
    """

    def __init__(self, windows: Iterable[np.ndarray]) -> None:
        self.videos = [one for one in windows if len(one)]
        if len(self.videos) < LEAST_VIDEOS or self.seconds < LEAST_SECONDS:
            raise NpvfError(
                f"too_little_material: {len(self.videos)} genuine videos with {self.seconds:.0f} s of a moving face; "
                f"at least {LEAST_VIDEOS} videos and {LEAST_SECONDS:.0f} s are needed. Add videos to --known-genuine"
            )
        self.among_N = np.array([_distance(one, self._without(k)) for k, one in enumerate(self.videos)])

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        landmarker: Landmarker,
        questioned: Iterable[str | Path] = (),
        on_video: Callable[[Path, str], object] = lambda *_: None,
    ) -> KnownPerson:
        """Read the genuine videos of a folder and its sub-folders.

        Args:
            folder: videos of this person, each with one face, or with one that speaks.
            landmarker: finds the faces.
            questioned: the videos to judge; they are left out, should they lie in the folder.
            on_video: is called after each video with its path, and with the reason why it was left out, or "".

        Raises:
            NpvfError: there is no such folder, or too little material in it.
        """
        videos = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file())
        if not videos:
            raise NpvfError(f"{folder} has no videos: give --known-genuine a folder of genuine videos of this person")
        windows, judged = [], {Path(one).resolve() for one in questioned}
        for video in videos:
            if video.resolve() in judged:
                on_video(video, "it is the video to judge")
                continue
            try:
                motion = ClipMotion()
                for clip in read_clips(video, landmarker, settings=IngestSettings(need_sound=False)):
                    motion.add(clip)
            except Refused as refused:
                on_video(video, str(refused))
                continue
            windows.append(motion.windows())
            on_video(video, "" if len(windows[-1]) else f"no face for {WINDOW / FPS:.1f} s at a stretch")
        return cls(windows)

    @property
    def seconds(self) -> float:
        """The duration of the windows."""
        return sum(len(one) + 1 for one in self.videos) * WINDOW / 2 / FPS

    def compare(self, windows_KH: np.ndarray) -> PersonComparison:
        """Return how a questioned video compares, from its windows (`ClipMotion.windows`)."""
        if not len(windows_KH):
            reason = f"{Reason.TOO_SHORT}: no face is seen for {WINDOW / FPS:.1f} s at a stretch"
            return PersonComparison("not_judged", len(self.videos), self.seconds, reason=reason)
        distance = _distance(windows_KH, np.concatenate(self.videos))
        as_far = int((self.among_N >= distance).sum())
        farthest = as_far == 0
        usual = distance <= float(np.quantile(self.among_N, 0.75))
        return PersonComparison(
            "unlike" if farthest else "like" if usual else "undecided",
            len(self.videos),
            self.seconds,
            distance=distance,
            among=tuple(np.sort(self.among_N).tolist()),
            as_far=as_far,
        )

    def _without(self, number: int) -> np.ndarray:
        return np.concatenate([one for k, one in enumerate(self.videos) if k != number])


class ClipMotion:
    """Collects the windows of the faces of one video from its clips, which need not be kept."""

    def __init__(self) -> None:
        self._windows: dict[int, list[np.ndarray]] = defaultdict(list)
        self._frames: Counter[tuple[bool, int]] = Counter()

    def add(self, clip: Clip) -> None:
        """Add a clip of any face."""
        self._windows[clip.meta.track].append(habit_windows(clip.landmarks_TN2, clip.transform_T23))
        self._frames[clip.meta.is_speaker, clip.meta.track] += clip.frames

    def windows(self) -> np.ndarray:
        """Return the windows, (K, 91), of the face that speaks longest; if none speaks, of the one seen longest."""
        _, track = max(self._frames, key=lambda key: (key[0], self._frames[key]))
        return np.concatenate(self._windows[track])


def _distance(windows_KH: np.ndarray, genuine_RH: np.ndarray) -> float:
    """Return the mean distance of windows from the nearest ones of the genuine videos."""
    distance_KR = np.sqrt(((windows_KH[:, None] - genuine_RH[None]) ** 2).mean(-1))
    return float(np.sort(distance_KR, axis=1)[:, :NEAREST].mean())
