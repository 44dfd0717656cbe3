"""What a machine lacks is said in one line, before anything is installed."""

import ast
from pathlib import Path
from typing import Any

import pytest

from tools import environment
from tools.environment import SetupError, check_machine

GOOD: dict[str, Any] = {
    "version": (3, 11, 0),
    "system": "Linux",
    "machine": "x86_64",
    "libc": "glibc",
    "has_ensurepip": True,
}


def test_a_good_machine_is_good() -> None:
    check_machine(**GOOD)
    check_machine(**{**GOOD, "version": (3, 14, 1)})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": (3, 9, 2)}, r"this is 3\.9.* make run PYTHON="),
        ({"version": (2, 7, 18)}, r"this is 2\.7"),
        ({"system": "Darwin", "machine": "arm64"}, "This is Darwin arm64: .*Linux x86-64"),
        ({"machine": "aarch64"}, "This is Linux aarch64"),
        ({"libc": ""}, r"Linux x86_64 \(not glibc\)"),
        ({"has_ensurepip": False}, r"apt install python3\.11-venv"),
    ],
    ids=str,
)
def test_what_is_missing_is_said_in_one_line(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(SetupError, match=said) as caught:
        check_machine(**{**GOOD, **changed})
    assert "\n" not in str(caught.value)


def test_it_needs_nothing_installed_and_parses_on_an_old_interpreter() -> None:
    source = Path(environment.__file__).read_text()
    ast.parse(source, feature_version=(3, 8))
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(source))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    allowed = {"__future__", "ensurepip", "fcntl", "hashlib", "json", "os", "pathlib"}
    assert imported <= allowed | {"platform", "shutil", "subprocess", "sys", "venv"}
