"""Preparation: videos become shards of aligned face tracks, audio and phones."""
