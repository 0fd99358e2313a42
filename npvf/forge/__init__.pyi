from .kinds import KINDS as KINDS, Kind as Kind
from .random_patch import Change as Change, RandomPatch as RandomPatch
from .run import Summary as Summary, forge as forge
from .source_video import (
    Forged as Forged,
    SourceVideo as SourceVideo,
    pictures as pictures,
    unforged_masks as unforged_masks,
)
