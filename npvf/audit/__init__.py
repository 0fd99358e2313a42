"""Shortcuts and leakage of a labelled corpus: the work of `npvf audit`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
