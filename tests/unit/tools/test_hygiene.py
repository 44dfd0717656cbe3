"""Hosts of registries and paths of one machine are found, and their look-alikes are not."""

import pytest

from tools.hygiene import faults


@pytest.mark.parametrize(
    "text",
    [
        '"resolved": "https://registry.npm' + 'js.org/x"',
        "--index-url https://py" + "pi.org/simple",
        "see /wo" + "rk/main/x",
        "cd /ro" + "ot/project",
        "in '/ho" + "me/anna'",
    ],
)
def test_what_must_not_be_there_is_found(text: str) -> None:
    [fault] = faults("file.txt", f"fine\n{text}\n")
    assert fault.startswith("file.txt:2: a ")


@pytest.mark.parametrize(
    "text",
    [
        "https://connect.example.com/root/x",
        "tests/root/fixtures",
        "from PyPI's wheel",
        "./root/x",
        "/root",
        "@npm",
    ],
)
def test_look_alikes_are_not(text: str) -> None:
    assert list(faults("file.txt", text)) == []
