"""The parts that both training stages share: data, command, optimiser, moving averages."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
