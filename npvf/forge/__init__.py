"""Make labelled forgeries of real clips, and copies of the real clips with the same encoder."""
