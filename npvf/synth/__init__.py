"""The embedded talking-head corpus: one photographed face, many people, exact phone times, no download."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
