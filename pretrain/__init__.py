"""Stage 1: self-supervised pre-training on real talking faces."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
