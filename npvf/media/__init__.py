"""Read and write media files with PyAV: frames and audio on one clock.

Time zero of the clip clock is the presentation time of the first video frame, or of the first audio in a file without
video.
"""

from npvf.media.decode import iter_frames, read_audio, spool_audio
from npvf.media.encode import decode_crops, decode_flac, encode_crops, encode_flac, write_video
from npvf.media.probe import AudioStream, MediaInfo, VideoStream, probe
from npvf.media.transcode import AudioEncoding, VideoEncoding, transcode

__all__ = [
    "AudioEncoding",
    "AudioStream",
    "MediaInfo",
    "VideoEncoding",
    "VideoStream",
    "decode_crops",
    "decode_flac",
    "encode_crops",
    "encode_flac",
    "iter_frames",
    "probe",
    "read_audio",
    "spool_audio",
    "transcode",
    "write_video",
]
