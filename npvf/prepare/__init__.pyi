from .ingest import IngestSettings as IngestSettings, read_clips as read_clips
from .manifest import Store as Store
from .pool import Limits as Limits
from .ray_engine import RayCluster as RayCluster
from .resync import SynchroniseSettings as SynchroniseSettings, synchronise as synchronise
from .run import Summary as Summary, list_sources as list_sources, prepare as prepare, prepare_video as prepare_video
