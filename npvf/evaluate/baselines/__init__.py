"""Baselines that `npvf evaluate --detector` takes by name or folder, so that a reader sees what a number means."""
