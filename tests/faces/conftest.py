from collections.abc import Iterator

import pytest

from npvf.faces.landmarks import Landmarker


@pytest.fixture(scope="session")
def landmarker() -> Iterator[Landmarker]:
    with Landmarker() as landmarker:
        yield landmarker
