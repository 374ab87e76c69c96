"""The Makefile on machines that lack something, and on one that has everything already. Nothing is installed here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("sh", "make", "date", "cat", "cksum", "tr", "echo", "grep", "rm", "touch", "printf", "env", "uname", "setpriv", "readlink")
READS = ("Makefile", "requirements.lock", "requirements-uv.txt", "pyproject.toml")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


class Machine:
    """A checkout in a folder whose name has a space, and a PATH with little on it."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.path = folder / "a checkout", folder / "path"
        self.checkout.mkdir()
        self.path.mkdir()
        for name in READS:
            shutil.copy(ROOT / name, self.checkout / name)
        for name in NEEDED:
            if (found := shutil.which(name)) is not None:
                (self.path / name).symlink_to(found)

    def has(self, name: str, script: str) -> None:
        path = self.path / name
        path.unlink(missing_ok=True)
        self.writes(path, script)

    def writes(self, path: Path, script: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.path), "HOME": str(self.checkout), "LANG": "C.UTF-8"}
        command = [str(self.path / "make"), "-C", str(self.checkout), "--no-print-directory", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_python_3_11_one_line_says_what_to_do(machine):
    machine.has("python3", "exit 1")
    done = machine.make("run")
    assert done.returncode != 0
    assert done.stderr.startswith("error: Python 3.11 is needed, and none of (python3.11 python3) is it: install it")
    assert not (machine.checkout / ".venv").exists()


def test_without_the_venv_module_one_line_says_what_to_do(machine):
    machine.has("python3.11", 'case "$2" in *ensurepip*) exit 1;; esac')
    done = machine.make("test")
    assert done.returncode != 0
    assert done.stderr.startswith("error: python3.11 has no venv module: install it (Debian: apt install python3-venv)")


def test_a_newer_python3_does_not_hide_python3_11(machine):
    machine.has("python3", 'case "$2" in *version_info*) exit 1;; esac; echo "the newer one" >&2; exit 1')
    machine.has("python3.11", 'case "$1" in -m) echo "makes $3" >&2; exit 9;; esac')
    assert machine.make("run").stderr.startswith("makes .venv\n")


@pytest.mark.parametrize(("own", "arguments"), [(True, "-m venv .venv"), (False, "-m venv --clear .venv")])
def test_an_environment_of_another_python_3_11_is_made_anew_and_its_own_is_kept(machine, own, arguments):
    machine.writes(machine.checkout / "other python", "exit 0")
    mine, bin_folder = machine.path / "python3.11", machine.checkout / ".venv" / "bin"
    machine.has("python3.11", f'case "$1$2" in -mvenv) echo "$@" >&2; exit 9;; -c*realpath*) echo "{mine}";; esac')
    bin_folder.mkdir(parents=True)
    (bin_folder / "activate").write_text(f'VIRTUAL_ENV="{machine.checkout}/.venv"')
    (bin_folder / "python").symlink_to(mine if own else machine.checkout / "other python")
    assert machine.make("run").stderr.startswith(f"{arguments}\n")


def test_where_no_embedded_redis_exists_one_is_asked_for_before_anything_else(machine):
    machine.has("uname", "echo Linux aarch64")
    done = machine.make("run")
    assert done.returncode != 0
    assert "make run REDIS_URL=redis://host:port" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "make run REDIS_URL" not in machine.make("run", "REDIS_URL=redis://x").stderr


def test_a_ready_environment_is_used_as_it_is(machine):
    shell = f"cat {' '.join(READS[1:])} | cksum | tr -d ' '"
    stamp = subprocess.run(["sh", "-c", shell], cwd=machine.checkout, capture_output=True, text=True, check=True).stdout.strip()
    (machine.checkout / ".venv").mkdir()
    (machine.checkout / ".venv" / f"ready-{stamp}").touch()
    machine.writes(machine.checkout / ".venv" / "bin" / "inference-graph", 'printf "%s|" "$@" "$REDIS_URL"; echo "$PPID"')
    done = machine.make("run", "DATA=some data", "PORT=9000", "REDIS_URL=redis://x")
    assert done.returncode == 0, done.stderr
    *arguments, parent = done.stdout.strip().split("|")
    assert arguments == ["up", "--port", "9000", "--stop-with", parent, "--data", "some data", "redis://x"]
    assert machine.make("run", "PORT=9000").stdout.startswith("up|--port|9000|--stop-with|")


def test_help_is_the_default(machine):
    assert machine.make().stdout == machine.make("help").stdout
    assert "make run" in machine.make().stdout


def test_what_ci_runs_is_make_test():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("exec make test")
    assert sys.version_info[:2] == (3, 11)
