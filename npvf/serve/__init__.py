"""The web service: a page and an HTTP API that judge uploaded files, one process a file.

`app` puts the parts together: `jobs` has the queue, `work` judges a file in another process, `uploads` receives it,
`api` and `page` are what people and programs see, and `guard` stands before both.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
