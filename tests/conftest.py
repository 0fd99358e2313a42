from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from npvf import weights
from npvf.models import Batch
from tests.helpers.shipped_weights import write_weights
from tests.helpers.tiny_model import TINY_MODEL, synthetic_batch

# The same examples in each run, and no limit of time for one: a busy machine would fail the test.
settings.register_profile("npvf", deadline=None, derandomize=True)
settings.load_profile("npvf")


@pytest.fixture
def tiny_overrides() -> dict:
    """`npv_nano` shrunk until a test of it takes milliseconds."""
    return dict(TINY_MODEL)


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    return synthetic_batch


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package without weights, whatever this copy has."""
    folder = tmp_path / "package"
    folder.mkdir()
    monkeypatch.setattr(weights, "FOLDER", folder)
    return folder


@pytest.fixture
def some_weights(no_weights: Path) -> Path:
    """A package with a tiny default detector, and the encoder `lips`."""
    return write_weights(no_weights)
