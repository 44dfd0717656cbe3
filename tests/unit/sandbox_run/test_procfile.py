"""The Procfile is read strictly: a process that is not started must not go unnoticed."""

from pathlib import Path

import pytest

from sandbox.run.procfile import read_procfile
from sandbox.run.settings import ROOT
from sandbox.services.errors import SandboxError


def test_entries_keep_their_order_and_comments_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "Procfile"
    path.write_text("# ours\n\nweb:   python -m web --flag=a:b\nworker-2: sleep 1 \n")
    assert list(read_procfile(path).items()) == [
        ("web", "python -m web --flag=a:b"),
        ("worker-2", "sleep 1"),
    ]


@pytest.mark.parametrize("line", ["web python -m web", "web:", "we b: x", "web: a\nweb: b"])
def test_a_line_that_makes_no_sense_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "Procfile"
    path.write_text(f"first: true\n{line}\n")
    with pytest.raises(SandboxError, match=r"Procfile, line [23]"):
        read_procfile(path)


def test_ours_has_both_processes() -> None:
    assert list(read_procfile(ROOT / "Procfile")) == ["api", "whatsapp"]
