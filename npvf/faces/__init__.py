"""Landmarks, face tracks, alignment, the speaker, and optical flow."""
