"""The HTML report, its charts, mask videos, and bundles."""
