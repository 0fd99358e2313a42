"""Audio-visual forensics of talking faces: pre-training on real videos, detection, and readable evidence."""

import lazy_loader

# Imported on first use: `import npvf` and `npvf --help` stay quick.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
