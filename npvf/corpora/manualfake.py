"""ManualFake, the corpus of ST-DDL (arXiv 2210.15872): forged by hand in editors, with a mask video for each forgery.

Mask and video have the same file name. Their frame rates can differ (such as 25 and 30), so frames are paired by time.
"""

from __future__ import annotations

from pathlib import Path

from npvf.clip import FAKE, REAL
from npvf.corpora.files import find_videos, locate
from npvf.corpora.record import Listing, Reader, Record, listing
from npvf.io.annotations import Annotation


def read(root: Path) -> Listing:
    """Read `real/videos`, `fake/videos` and `fake/masks`."""
    root = locate(root, "real/videos", "fake/videos", what="ManualFake")
    masks = {Path(path).stem: path for path in find_videos(root, "fake/masks")}
    real = Annotation(label=REAL, video_label=REAL)
    records = [Record(path, real, unnamed=True) for path in find_videos(root, "real/videos")]
    for path in find_videos(root, "fake/videos"):
        annotation = Annotation(label=FAKE, video_label=FAKE, manipulation="manual", mask=masks.get(Path(path).stem))
        records.append(Record(path, annotation, unnamed=True))
    bare = [record.path for record in records if record.annotation.label and record.annotation.mask is None]
    lone = sorted(set(masks) - {Path(record.path).stem for record in records if record.annotation.label})
    notes = [f"{len(bare)} forgeries have no mask, for example {bare[0]}"] if bare else []
    notes += [f"{len(lone)} masks have no video, for example {masks[lone[0]]}"] if lone else []
    return listing(root, records, notes)


READER = Reader(
    name="manualfake",
    title="ManualFake",
    use="detection",
    get="archive and form (for its password) at github.com/HighwayWu/ST-DDL",
    licence="academic, non-commercial",
    layout="real/videos/real_NN.mp4, fake/videos/fake_NN.mp4, fake/masks/fake_NN.mp4",
    read=read,
    class_of=lambda record: "fake" if record.annotation.label else "real",
)
