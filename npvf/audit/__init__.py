"""Shortcuts and leakage of a labelled corpus: the work of `npvf audit`."""
