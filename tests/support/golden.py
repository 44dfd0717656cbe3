"""Golden files: what other programs rely on, as it stands on the wire."""

import json
import os
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[1] / "contract" / "golden"
REWRITE: Final = "REWRITE_GOLDEN"
"""Set it to take what is there now as the contract, and read the difference before committing."""


def steady(value: Any, changing: frozenset[str]) -> Any:
    """``value`` with the fields that differ from run to run replaced by their types."""
    if isinstance(value, dict):
        return {
            name: _kind(item) if name in changing else steady(item, changing)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [steady(item, changing) for item in value]
    return value


def _kind(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return f"<{json.dumps(value)}>"
    if isinstance(value, int | float):
        return "<number>"
    return f"<{type(value).__name__}>"


def assert_golden(name: str, case: str, actual: object) -> None:
    """Compare with the case of ``golden/{name}.json``."""
    path = FOLDER / f"{name}.json"
    known: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if os.environ.get(REWRITE):
        known[case] = actual
        ordered = dict(sorted(known.items()))
        path.write_text(json.dumps(ordered, ensure_ascii=False, indent=2) + "\n", "utf-8")
    assert case in known, f"no golden {case!r} in {path.name}: set {REWRITE}=1 and read the result"
    assert actual == known[case]
