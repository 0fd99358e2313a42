from .app import make_app as make_app
from .guard import Access as Access
from .jobs import Job as Job, Jobs as Jobs, State as State
from .settings import Load as Load, ServeSettings as ServeSettings, Upload as Upload
