"""The `inference-graph` command: finds its commands by entry point, loads only the one that is asked for, and shows errors as one line."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Annotated

import typer
from typer.exceptions import TyperException

from inference_graph.errors import InferenceGraphError

ENTRY_POINTS = "inference_graph.commands"
ORDER = (
    *("up", "recommend", "explain", "block", "unblock", "check", "data", "train", "materialize", "snapshot", "index", "refresh"),
    *("evaluate", "batch", "tune", "bench", "status", "promote", "rollback"),
)
INTERRUPTED = 130


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Carries out one command line; returns the exit status."""
    try:
        outcome = application(arguments)(arguments, prog_name="inference-graph", standalone_mode=False)
        sys.stdout.flush()
        return outcome if isinstance(outcome, int) else 0
    except BrokenPipeError:
        # Python flushes stdout once more at exit, into the pipe that is gone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        if _debug(arguments):
            traceback.print_exc()
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return error.exit_code if isinstance(error, TyperException) else 1


def application(arguments: list[str]) -> typer.Typer:
    """The command that the arguments name; all of them where they name none (help, completion, a misspelt name)."""
    app = typer.Typer(callback=_everywhere, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False)
    points = available()
    named = next((word for word in arguments if not word.startswith("-")), None)
    if named in points and "_INFERENCE_GRAPH_COMPLETE" not in os.environ:
        _add(app, named, points[named])
        return app
    for name, point in points.items():
        with suppress(ModuleNotFoundError):  # one of its extras is missing here; asked for by name, it says which
            _add(app, name, point)
    return app


def available() -> dict[str, EntryPoint]:
    """Commands whose package is installed: an image without `rec_models` shows fewer."""
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS) if find_spec(point.module.split(".")[0])}
    return {name: found[name] for name in sorted(found, key=lambda n: (ORDER.index(n) if n in ORDER else len(ORDER), n))}


def _add(app: typer.Typer, name: str, point: EntryPoint) -> None:
    command = point.load()
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name)
    else:
        app.command(name)(command)


Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error (or INFERENCE_GRAPH_DEBUG=1).")]


def _everywhere(debug: Debug = False) -> None:
    """A recommendation inference graph: prepare data, train, serve, ask."""


def _debug(arguments: list[str]) -> bool:
    return os.environ.get("INFERENCE_GRAPH_DEBUG", "") not in ("", "0") or arguments[:1] == ["--debug"]


def _one_line(error: Exception) -> str:
    """What went wrong, in one line; an error that nobody foresaw also says its kind and how to see more."""
    text = " ".join((error.format_message() if isinstance(error, TyperException) else str(error)).split())
    match error:
        case TyperException():
            return f"{text} See `inference-graph --help`."
        case InferenceGraphError():
            return text
        case ModuleNotFoundError():
            return f"this command needs the Python package {error.name!r}, which is not installed here"
        case OSError() if error.filename is not None:
            return f"{error.filename}: {error.strerror}"
        case _:
            return f"{type(error).__name__}: {text} (a bug: `inference-graph --debug ...` shows where)"
