import os

import pytest

from tests.helpers import fake_ingest


@pytest.fixture
def faked_ingest(monkeypatch):
    """`fake_ingest` in the place of decoding and face tracking."""
    fake_ingest.install(monkeypatch.setattr)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # slow, and of no concern to a process that is killed
