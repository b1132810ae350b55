"""Runs of the case studies, each made once a session with the settings in its file, and R's figures for them."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from case_study import Study


@pytest.fixture(scope="session")
def public_data(shared_data: Path) -> Iterator[None]:
    """``load_dataset`` reads the folder of real data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAYESIMPUTE_DATA", str(shared_data))
        yield


@pytest.fixture(scope="session")
def study(public_data: None) -> Callable[[str], Study]:
    """A finished case study by the name of its file."""
    return cache(Study.run)


@pytest.fixture(scope="session")
def cases_of_r(shared_reference: Path) -> Mapping[str, Any]:
    """What R gives for each case."""
    return json.loads((shared_reference / "reproduced.json").read_text())["cases"]


@pytest.fixture(scope="session")
def published(shared_reference: Path) -> Mapping[str, Any]:
    """What was printed, by case."""
    return {case["id"]: case for case in json.loads((shared_reference / "published.json").read_text())["cases"]}
