"""The `inference-graph` command line: quick, found by entry point, and one line for every error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference_graph.cli import main
from inference_graph.errors import InvalidConfiguration

COMMAND = [sys.executable, "-c", "from inference_graph.cli.main import main; main()"]


def inference_graph(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "INFERENCE_GRAPH_HOME": str(home), "COLUMNS": "200", **environment}
    return subprocess.run([*COMMAND, *arguments], env=settings, capture_output=True, text=True, timeout=60)


class Point:
    """An entry point that loads what it was given."""

    def __init__(self, command):
        self._command = command

    def load(self):
        return self._command


@pytest.fixture
def commands(monkeypatch):
    """Puts commands in the place of the installed ones."""

    def install(**named):
        monkeypatch.setattr(main, "available", lambda: {name: Point(command) for name, command in named.items()})

    monkeypatch.delenv("INFERENCE_GRAPH_DEBUG", raising=False)
    return install


def failing(error):
    def command():
        """Fails."""
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InvalidConfiguration("clock: expected wall or data, got 'sun'"), "clock: expected wall or data, got 'sun'"),
        (FileNotFoundError(2, "No such file or directory", "ratings.csv"), "ratings.csv: No such file or directory"),
        (ModuleNotFoundError(name="keras"), "this command needs the Python package 'keras', which is not installed here"),
        (ZeroDivisionError("division\nby zero"), "ZeroDivisionError: division by zero (a bug: `inference-graph --debug ...` shows where)"),
    ],
)
def test_an_error_is_one_line_and_exit_status_one(commands, capsys, error, line):
    commands(fail=failing(error))
    assert main.run(["fail"]) == 1
    assert capsys.readouterr().err == f"error: {line}\n"


def test_debug_shows_the_traceback_before_the_line(commands, capsys):
    commands(fail=failing(InvalidConfiguration("wrong")))
    assert main.run(["--debug", "fail"]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("Traceback")
    assert errors.endswith("error: wrong\n")


def test_an_interrupted_command_ends_quietly_with_130(commands, capsys):
    commands(fail=failing(KeyboardInterrupt()))
    assert main.run(["fail"]) == 130
    assert capsys.readouterr().err == ""


def test_a_wrong_argument_is_one_line_and_exit_status_two(commands, capsys):
    commands(fail=failing(KeyboardInterrupt()), other=failing(KeyboardInterrupt()))
    assert main.run(["fail", "--nonsense"]) == 2
    assert main.run(["nonsense"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert all(line.startswith("error: ") and "--help" in line for line in errors)


def test_a_closed_pipe_ends_a_command_without_a_word(tmp_path):
    shell = f"{sys.executable} -c 'from inference_graph.cli.main import main; main()' recommend --help | true"
    done = subprocess.run(["bash", "-c", shell], env={**os.environ, "INFERENCE_GRAPH_HOME": str(tmp_path)}, capture_output=True, text=True)
    assert done.stderr == ""


def test_commands_of_a_package_that_is_not_installed_are_not_shown(monkeypatch):
    present = main.available()
    assert {"up", "recommend", "explain", "block", "unblock", "check", "data", "train", "refresh"} <= set(present)
    monkeypatch.setattr(main, "find_spec", lambda name: None if name == "rec_models" else object())
    assert {"train", "data", "refresh"} & set(main.available()) == set()
    assert "recommend" in main.available()


def test_a_command_whose_libraries_are_missing_is_not_shown_and_says_so_when_asked_for(monkeypatch, capsys):
    class Missing:
        def load(self):
            raise ModuleNotFoundError(name="keras")

    monkeypatch.setattr(main, "available", lambda: {"distil": Missing(), "fail": Point(failing(KeyboardInterrupt()))})
    assert main.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "fail" in shown
    assert "distil" not in shown
    assert main.run(["distil"]) == 1
    assert "'keras'" in capsys.readouterr().err


def test_one_command_loads_no_other(tmp_path):
    code = "import sys; from inference_graph.cli.main import run; run(['recommend', '--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    heavy = {"inference_graph.local.up", "rec_models", "tensorflow", "feast", "kserve", "polars", "pyarrow", "numpy"}
    assert "inference_graph.cli.recommend" in loaded
    assert not heavy & loaded


@pytest.mark.parametrize("command", [("recommend", "1"), ("explain", "1")])
def test_without_a_running_graph_the_error_says_how_to_start_one(tmp_path, command):
    done = inference_graph(*command, home=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: no inference graph runs here ({tmp_path}): start it with `make run`")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["up", "recommend", "explain", "block", "unblock", "check", "status", "promote", "rollback"])
def test_every_commands_help_has_examples(tmp_path, command):
    done = inference_graph(command, "--help", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Examples:" in done.stdout
    assert f"inference-graph {command}" in done.stdout
