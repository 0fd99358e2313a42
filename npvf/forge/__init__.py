"""Labelled forgeries out of real clips, and the real clips themselves through the same encoder."""
