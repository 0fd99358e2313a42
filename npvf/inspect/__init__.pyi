from .boxes import BoxTree as BoxTree, read_boxes as read_boxes
from .credentials import Credentials as Credentials, Declared as Declared, read_credentials as read_credentials
from .describe import fact_rows as fact_rows
from .facts import FileFacts as FileFacts, inspect_file as inspect_file
from .oddities import Oddity as Oddity
from .streams import AudioFacts as AudioFacts, StreamFacts as StreamFacts, Streams as Streams, VideoFacts as VideoFacts
