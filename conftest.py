"""What the whole suite has in common: the folders of real data and of R's figures, which a bare checkout does not have,
and the order in which several processes take its files.
"""

import gc
import os
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

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


# a graph that a test evaluates once is not worth a C++ compiler's time, a second or two for each of its nodes, nor that
# each of its nodes notes which line of Python made it
os.environ["PYTENSOR_FLAGS"] = ",".join(
    [*filter(None, [os.environ.get("PYTENSOR_FLAGS")]), "cxx=", "traceback__limit=0"]
)
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # how fast a machine is, is no property of what is tested


def pytest_configure(config: pytest.Config) -> None:
    """Where there is a process to a core, linear algebra has one thread in each; a single process has all."""
    if config.getoption("numprocesses", default=None):
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
            os.environ.setdefault(name, "1")


ALIKE = ("tests/samplers/test_gibbs", "tests/calibration/", "tests/running/test_fcs")
"""Files that need the same kernels: two processes that begin with them would compile each kernel at the same time."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A process takes whole files, and of those that compile alike all."""
    from xdist.scheduler import LoadFileScheduling

    class Alike(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "kernels" if nodeid.startswith(ALIKE) else super()._split_scope(nodeid)

    return Alike(config, log) if config.getoption("dist") == "loadfile" else None


WHOLE = 1000
"""Tests from which on the whole suite was collected, not some cases of a test."""


def _some_by_default(items: list[pytest.Item]) -> None:
    """That patterns of `by_default` name cases that are there."""
    slow: dict[str, bool] = {}
    for item in (item for item in items if item.get_closest_marker("by_default")):
        name = item.nodeid.partition("[")[0]
        slow[name] = slow.get(name, True) and item.get_closest_marker("slow") is not None
    none = [name for name, all_of_it in slow.items() if all_of_it]
    if none:
        raise pytest.UsageError(f"no case of these tests fits what their mark by_default says: {', '.join(none)}")


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Of a test with `by_default` those cases are slow whose name fits none of its patterns."""
    mark, case = item.get_closest_marker("by_default"), getattr(item, "callspec", None)
    if mark is not None and case is not None and not any(fnmatchcase(case.id, pattern) for pattern in mark.args):
        item.add_marker(pytest.mark.slow)


def pytest_collection() -> None:
    """Modules and tests stay to the end: looking for garbage among them took a seventh of the time of collecting."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.enable()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Several processes begin with the files that take longest, so that none is left with one of them at the end."""
    if len(items) > WHOLE:
        _some_by_default(items)
    if not hasattr(config, "workerinput"):
        return
    seconds: dict[Path, float] = {}
    for item in items:
        mark = item.get_closest_marker("long")
        seconds[item.path] = mark.args[0] if mark else seconds.get(item.path, 0)
    items.sort(key=lambda item: (not item.nodeid.startswith(ALIKE), -seconds[item.path]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests of faults tried, and what came of it: they record it as a property."""
    reports = (report for report in terminalreporter.getreports("passed") if report.when == "call")
    tried = [value for report in reports for name, value in report.user_properties if name == "tried"]
    if tried:
        terminalreporter.section("faults that were tried")
        terminalreporter.write_line("\n".join(map(str, tried)))
