from pathlib import Path

import pytest

from tests.helpers.films import click, film, speechlike


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of colour and something like speech."""
    return film(tmp_path_factory.mktemp("film") / "speech.mp4", speechlike(2.0))


@pytest.fixture(scope="session")
def clicking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds with a click at 1.2 s."""
    return film(tmp_path_factory.mktemp("film") / "click.mp4", click(2.0, 1.2))


@pytest.fixture(scope="session")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of the same."""
    return film(tmp_path_factory.mktemp("film") / "brief.mp4", speechlike(0.5), frames=12)
