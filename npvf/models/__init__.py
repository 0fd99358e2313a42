"""The networks: `create_model`, their inputs, and the parts they are made of."""

import lazy_loader

# Imported on first use: they need timm, which takes seconds, and a verdict of the detector in the package does not.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
