"""Fixtures of the whole suite: the folders of real data and of R's figures, which a bare checkout does not have."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1] / "shared"


def _folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"shared/{name} is not beside the project: this test reads real data from it")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets."""
    return _folder("data")


@pytest.fixture(scope="session")
def shared_reference() -> Path:
    """The folder of reference figures made with R."""
    return _folder("reference")
