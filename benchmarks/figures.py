"""What was found, as plain values: where and when, each work's figures, R's; JSON, comparison between commits."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".benchmarks"
PACKAGES = ("bayesimpute", "numpy", "scipy", "pandas", "numba", "pytensor", "pymc", "bambi", "arviz")
NOT_COMPARED = {"load", "rows", "workers", "worker_processes", "data_bytes", "base_bytes"}
"""Figures that say nothing of the code."""


def commit() -> str:
    """The commit of the sources, with "-dirty" if they have been changed since; "unknown" outside a repository."""
    try:
        command = ("git", "describe", "--always", "--dirty", "--exclude=*")
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def processor() -> str:
    """The name of the processor, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def load() -> float | None:
    """Processes that ran or waited during the last minute, on average: above 0.5 the times are not to be trusted."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def new(options: Mapping[str, Any]) -> dict[str, Any]:
    """Figures before anything was run."""
    return {
        "commit": commit(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "processor": processor(), "system": platform.platform()},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "options": dict(options),
        "works": {},
        "rivals": {},
        "notes": [],
    }


def path_for(found: Mapping[str, Any], only: Sequence[str]) -> Path:
    """Where figures go by default; those of some works alone do not take the place of those of all."""
    return FOLDER / f"{'-'.join([found['commit'], *only])}.json"


def write(found: Mapping[str, Any], path: Path) -> None:
    """Write figures; the folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """Figures as they were written."""
    return json.loads(path.read_text(encoding="utf-8"))


def numbers(found: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, float]]:
    """All numbers in nested figures that can be compared, by dotted path."""
    for key, value in found.items():
        if isinstance(value, Mapping):
            yield from numbers(value, f"{path}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and key not in NOT_COMPARED:
            yield f"{path}{key}", float(value)


def ratios(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[tuple[str, float, float, float]]:
    """Path, earlier figure, this one, and their ratio, for every number of the works that both have."""
    earlier = dict(numbers(before["works"]))
    both = [(path, earlier[path], value) for path, value in numbers(now["works"]) if earlier.get(path)]
    return [(path, old, value, value / old) for path, old, value in both]
