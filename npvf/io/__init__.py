"""Formats on disk: annotations, masks, shards, prepared corpora."""
