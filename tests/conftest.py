from collections.abc import Callable

import pytest

from npvf.models import Batch
from tests.helpers.tiny_model import TINY_MODEL, synthetic_batch


@pytest.fixture
def tiny_overrides() -> dict:
    """`npv_nano` shrunk until a test of it takes milliseconds."""
    return dict(TINY_MODEL)


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    return synthetic_batch
