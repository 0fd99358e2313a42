"""Detectors, localizers and fused detectors: score, calibration, evidence, verdict."""
