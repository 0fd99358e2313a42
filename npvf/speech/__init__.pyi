from .gate import Gate as Gate, gate as gate
from .inventory import (
    BILABIAL as BILABIAL,
    CRITICAL as CRITICAL,
    FRICATIVE as FRICATIVE,
    PHONES as PHONES,
    SILENCE as SILENCE,
    UNKNOWN as UNKNOWN,
    from_espeak as from_espeak,
    from_ipa as from_ipa,
    from_label as from_label,
)
from .mel import log_mel as log_mel
from .recogniser import Heard as Heard, listen as listen, recognise as recognise
from .sources import find_phones as find_phones
from .textgrid import read_tiers as read_tiers
from .times import read_times as read_times
from .transcript import align_transcript as align_transcript
from .voice_activity import speech_spans as speech_spans
