"""Protocols for detection, segmentation and synchrony; comparison, robustness, baselines, detectors of others."""
