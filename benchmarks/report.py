"""What a run has shown, as a table for people and as JSON, kept in ``benchmarks/reports``."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

REPORTS: Final = Path(__file__).with_name("reports")
ROOT: Final = Path(__file__).parents[1]

_TABLE_HEAD: Final = (
    "| figure | measured | limit | met | beside it | what limits it |",
    "|---|---:|---:|---|---|---|",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value and the most it may be; ``beside`` says where the limit comes from."""

    name: str
    value: float
    limit: float
    unit: str
    beside: str
    limited_by: str
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def row(self) -> str:
        verdict = "yes" if self.met else "**missed**"
        limit = f"{'≥' if self.at_least else '≤'} {self.limit:,.4g} {self.unit}"
        return (
            f"| {self.name} | {self.value:,.4g} {self.unit} | {limit} | {verdict} "
            f"| {self.beside} | {self.limited_by} |"
        )


@dataclass
class Report:
    """``facts`` and ``tables`` are Markdown for people; ``numbers`` is everything measured."""

    title: str
    command: str
    figures: list[Figure] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.machine.update(_describe_machine())

    @property
    def met(self) -> bool:
        return all(figure.met for figure in self.figures)

    def text(self) -> str:
        rows = [figure.row() for figure in self.figures]
        if rows:
            rows = [*_TABLE_HEAD, *rows, ""]
        return "\n".join([f"# {self.title}", "", self._circumstances(), "", *rows, *self.facts, ""])

    def _circumstances(self) -> str:
        machine, when = self.machine, f"{self.started:%Y-%m-%d %H:%M} UTC"
        return (
            f"`{self.command}`, {when}, commit {machine['commit']}.\n"
            f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, "
            f"{machine['system']}, Python {machine['python']}, neonize {machine['neonize']}.\n"
            f"Load (1, 5, 15 min) at the start {machine['load']}, at the end {_load()}."
        )

    def keep(self, name: str) -> list[Path]:
        """Write ``name`` with the date, as Markdown and JSON."""
        REPORTS.mkdir(exist_ok=True)
        stem = REPORTS / f"{self.started:%Y-%m-%d-%H%M}-{name}"
        readable, exact = stem.with_suffix(".md"), stem.with_suffix(".json")
        readable.write_text(self.text(), "utf-8")
        content = {
            "title": self.title,
            "command": self.command,
            "started": self.started.isoformat(timespec="seconds"),
            "machine": {**self.machine, "load_at_end": _load()},
            "met": self.met,
            "figures": [{**asdict(figure), "met": figure.met} for figure in self.figures],
            "numbers": self.numbers,
        }
        exact.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
        return [readable, exact]


def _describe_machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "neonize": metadata.version("neonize"),
        "commit": _commit(),
        "load": _load(),
    }


def say(text: str) -> None:
    """Progress, at once."""
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
    sys.stdout.flush()


def _load() -> list[float]:
    return [round(load, 1) for load in os.getloadavg()]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    """With a plus when there are changes that are not committed."""
    try:
        commit, changes = (
            subprocess.run(  # noqa: S603 - our own command line
                ["git", *arguments],  # noqa: S607 - from PATH, as the developer's own
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
            for arguments in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain"))
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}+" if changes else commit
