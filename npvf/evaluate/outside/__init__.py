"""Detectors that are not npvf's: how to get their scores, and what is done where there is none.

Import from the modules: a process that runs a detector of somebody else must not load torch for it.
"""

__all__ = ["answers", "detectors", "function_process", "listed_videos", "score_file"]
