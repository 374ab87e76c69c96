"""`inference-graph up`: everything on one machine, in one foreground process."""

from __future__ import annotations

import json
import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from inference_graph.local.bring_up import BringUp
from inference_graph.local.first_user import middling_user
from inference_graph.local.phases import Phases
from inference_graph.local.ports import HOST, require_free
from inference_graph.local.preparation import require_data
from inference_graph.local.process import script
from inference_graph.local.servers import Ports
from inference_graph.local.stopping import Stopping, StopRequested
from inference_graph.local.supervisor import Supervisor
from inference_graph.local.up_file import UpFile, only_one
from inference_graph.workspace import Workspace, home

STOP_SECONDS = 10.0
INTERRUPTED = 130


def up(
    data: Annotated[Path | None, typer.Option(help="Folder of a data set; the built-in one where it is left out.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="HTTP port on 127.0.0.1.", envvar="PORT")] = 8080,
    no_restart: Annotated[bool, typer.Option("--no-restart", help="Leave a dead process dead.")] = False,
    stop_with: Annotated[int | None, typer.Option(metavar="PID", help="Stop when this process, the parent, has ended.")] = None,
) -> None:
    """Prepare what is not up to date, start everything, ask for one recommendation, and stay up until Ctrl-C.

    Starts a Redis with vector search (or uses the one that REDIS_URL names), two model servers and the transformer.
    A process that dies is started again after 3 s, then after longer and longer waits, on the same port.
    Logs are in .run/current/logs; .run/up.json says what runs where. The Redis listens on 127.0.0.1 without a password.

    Examples:

      inference-graph up

      inference-graph up --data ml-latest-small --port 8090

      REDIS_URL=redis://localhost:6379 inference-graph up --data shop
    """
    stopping = Stopping(stop_with)
    stopping.install()
    up_file = UpFile(home() / "up.json", f"http://{HOST}:{port}")
    with only_one(home(), port):
        up_file.remove()
        require_free(port)
        require_data(data)
        supervisor = Supervisor(stopping, _say, restart=not no_restart, changed=up_file.write)
        phases = Phases(Console(highlight=False), stopping, _environment_phase())
        workspace = Workspace.of(data)
        try:
            BringUp(workspace, data, Ports.choose(port), os.environ.get("REDIS_URL") or None, supervisor, phases).run()
            user_id = middling_user(workspace.data / "interactions.parquet")
            # Before up.json: who waits for that file finds counters that nobody else moves.
            phases.step("first recommendation", ("recommend", "--timings", "--url", up_file.url, "--", user_id), {})
            up_file.write(supervisor.children)
            _welcome(phases, workspace, up_file.url, user_id)
            _watch(supervisor)
        except StopRequested as request:
            raise typer.Exit(INTERRUPTED) from request
        finally:
            supervisor.stop(STOP_SECONDS)
            up_file.remove()


def _welcome(phases: Phases, workspace: Workspace, url: str, user_id: str) -> None:
    """What took how long, and how to go on."""
    body = json.dumps({"instances": [{"user_id": user_id, "limit": 10}]})
    phases.console.print(phases.table())
    phases.console.print(f"\n[bold green]up[/] at [bold]{url}[/] until Ctrl-C. Logs: {_near(workspace.logs)}. Try:", soft_wrap=True)
    _say(f"  curl -s {url}/v1/models/recommender:predict -H 'Content-Type: application/json' -d {shlex.quote(body)}")
    _say(f"  {_near(Path(script('inference-graph')))} explain {shlex.quote(user_id)}")


def _near(path: Path) -> str:
    """Relative to here where it is below."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _watch(supervisor: Supervisor) -> None:
    """Being asked to stop is how this ends well."""
    with suppress(StopRequested):
        supervisor.watch()
    _say("stopping")


def _environment_phase() -> dict[str, float]:
    """What setting up took, where `make run` says so."""
    given = os.environ.get("ENVIRONMENT_SECONDS", "")
    return {"environment": float(given)} if given.isdigit() and given != "0" else {}


def _say(line: str) -> None:
    with suppress(OSError):  # the terminal or the reader of our output may be gone
        print(line, flush=True)
