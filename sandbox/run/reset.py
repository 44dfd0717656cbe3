"""``python -m sandbox.run.reset``: delete the local data, unless something runs with it."""

import shutil
import sys
from pathlib import Path

from sandbox.run.data_folder import locked, outside_folder
from sandbox.run.settings import RunSettings
from sandbox.services.errors import SandboxError


def delete(path: Path) -> bool:
    """Delete a data folder; False when there is none. Raises SandboxError when it is not one."""
    if not path.exists():
        return False
    if not path.is_dir() or (not (path / "lock").exists() and any(path.iterdir())):
        raise SandboxError(f"{path} is not a data folder of ours.", "Nothing was deleted.")
    with locked(path):
        outside = outside_folder(path)
        if outside.exists():
            shutil.rmtree(outside)
        shutil.rmtree(path)
    return True


def main() -> int:
    try:
        path = RunSettings.from_environment().aiadmin_data_dir.resolve()
        done = f"Deleted {path}." if delete(path) else f"There is no {path}."
    except SandboxError as error:
        sys.stderr.write(f"ai-admin: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"ai-admin: {error.filename}: {error.strerror}.\n")
        return 1
    sys.stderr.write(f"{done}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
