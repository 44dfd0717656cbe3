"""A lock that does not say what pyproject.toml says is found."""

from typing import Any

from tools.lock_files import HEADER, faults, fingerprint

PROJECT: dict[str, Any] = {
    "requires-python": ">=3.11",
    "dependencies": ["redis>=8"],
    "optional-dependencies": {"dev": ["pytest"]},
    "version": "1",
}
PINS = "redis==8.1 \\\n    --hash=sha256:00\n"


def locks(project: dict[str, Any]) -> dict[str, str]:
    text = f"{HEADER}{fingerprint(project)}\n{PINS}"
    return {"requirements.lock": text, "requirements-dev.lock": f"{text}pytest==9.2 \\\n"}


def test_locks_made_from_the_project_are_in_step_with_it() -> None:
    assert faults(PROJECT, locks(PROJECT)) == []
    assert faults({**PROJECT, "version": "2"}, locks(PROJECT)) == []


def test_a_changed_dependency_is_found_in_both_locks() -> None:
    changed = {**PROJECT, "dependencies": ["redis>=9"]}
    found = faults(changed, locks(PROJECT))
    assert [line.split(" ")[0] for line in found] == ["requirements.lock", "requirements-dev.lock"]
    assert all("make lock" in line for line in found)


def test_a_lock_by_another_hand_is_found() -> None:
    found = faults(PROJECT, {**locks(PROJECT), "requirements.lock": PINS})
    assert found == ["requirements.lock is not in step with pyproject.toml: run `make lock`"]


def test_locks_that_differ_in_a_version_are_found() -> None:
    other = locks(PROJECT)["requirements-dev.lock"].replace("redis==8.1", "redis==8.0")
    [found] = faults(PROJECT, {**locks(PROJECT), "requirements-dev.lock": other})
    assert "redis==8.1" in found
