from .annotations import Annotation as Annotation, read_list as read_list, read_sidecar as read_sidecar
from .corpus import Corpus as Corpus
from .files import atomic_write as atomic_write
from .masks import VideoMasks as VideoMasks, read_masks as read_masks, write_masks as write_masks
from .shards import (
    Sample as Sample,
    decode_clip as decode_clip,
    encode_clip as encode_clip,
    read_tar as read_tar,
    write_tar as write_tar,
)
from .sources import Source as Source, Sources as Sources, find_sources as find_sources
