"""Phones and their sources, the gate, mel, voice activity."""
