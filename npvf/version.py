"""The version, in a file of its own: everything may import it without importing the package's API."""

__version__ = "0.1.0"
