"""`inference-graph data`: prepare, check or synthesize a data folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from inference_graph.steps import is_done, mark_done
from inference_graph.workspace import SYNTHETIC, Workspace

app = typer.Typer(help="Prepare, check or synthesize a data set.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
TABLES = ("interactions.parquet", "items.parquet", "users.parquet", "dataset.json")


def built_in_folder() -> Path:
    """Where the built-in data set is written when no folder is named."""
    return Workspace.of(None).root / "source"


def workspace_of(folder: Path) -> Workspace:
    return Workspace.of(None if folder.resolve() == built_in_folder().resolve() else folder)


@app.command()
def prepare(
    folder: Annotated[Path | None, typer.Argument(help="the data folder; without it the built-in data set")] = None,
    as_json: AsJson = False,
) -> None:
    """Check every row of a data folder, convert it, and make it the data set in use. Does nothing where it is up to date.

    Examples:

      inference-graph data prepare ml-latest-small

      inference-graph data prepare my-shop --json
    """
    from rec_models.data.dataset import load_dataset
    from rec_models.data.prepare import prepare as prepare_folder
    from rec_models.data.prepare import source_hash

    if folder is None:
        folder = built_in_folder()
        synthesize_once(folder)
    workspace = workspace_of(folder)
    inputs = {"data": source_hash(folder)}
    fresh = is_done(workspace, "prepare", inputs, [workspace.data / name for name in TABLES])
    notes: tuple[str, ...] = ()
    if not fresh:
        notes = prepare_folder(folder, workspace.data, SYNTHETIC if workspace.name == SYNTHETIC else None).notes
        mark_done(workspace, "prepare", inputs)
    workspace.select()
    description = load_dataset(workspace.data).description
    if as_json:
        typer.echo(json.dumps({**asdict(description), "workspace": str(workspace.root), "up_to_date": fresh, "notes": notes}))
        return
    for note in notes:
        typer.echo(note)
    size = f"{description.interactions:,} {description.kind} of {description.users:,} users with {description.items:,} items"
    typer.echo(f"{description.name}: {size}, {'up to date' if fresh else 'prepared'} in {workspace.data}")


@app.command()
def synthesize(
    folder: Annotated[Path | None, typer.Argument(help="where to write; without it the built-in data set's place")] = None,
    seed: Annotated[int, typer.Option(min=0, help="the same seed gives the same bytes")] = 1,
    users: Annotated[int, typer.Option(min=1, help="number of users")] = 2_000,
    items: Annotated[int, typer.Option(min=50, help="number of items")] = 1_000,
    events: Annotated[int, typer.Option(min=1, help="number of interactions, at least 5 a user")] = 60_000,
    as_json: AsJson = False,
) -> None:
    """Write a data set with planted truth: tastes, succession, popularity and drift, so that the best score is known.

    Examples:

      inference-graph data synthesize world

      inference-graph data synthesize world --seed 2 --users 500 --items 300 --events 10000
    """
    from rec_models.data.problems import InvalidData
    from rec_models.progress import counted
    from rec_models.synthetic import make_world, write_world

    folder = folder or built_in_folder()
    try:
        with counted("interactions") as begin:
            world = make_world(seed, users, items, events, begin=begin)
        write_world(world, folder)
    except ValueError as error:
        raise InvalidData(str(error)) from error
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), "seed": seed, "users": users, "items": items, "interactions": events}))
        return
    size = f"{events:,} ratings of {users:,} users with {items:,} items"
    typer.echo(f"{folder}: {size}; what is true of them is in {folder / 'truth'}")


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="the data folder")],
    file: Annotated[Path | None, typer.Argument(help="with --json: written there, and shown", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON, or write it to FILE")] = False,
) -> None:
    """Report on a data folder: how it was understood, what is in it, what that means for evaluation, and what is broken.

    Writes nothing but FILE; exits with 1 where rows are broken.

    Examples:

      inference-graph data check ml-latest-small

      inference-graph data check my-shop --json

      inference-graph data check my-shop --json report.json
    """
    from rec_models.commands.data_tables import show_report
    from rec_models.data.report import check_folder

    if file is not None and not as_json:
        raise typer.BadParameter(f"expected one data folder, got also {file}; to write the report there say --json {file}")
    if file is not None and file.is_dir():  # `--json FILE FOLDER`
        folder, file = file, folder
    report = check_folder(folder)
    document = json.dumps(asdict(report), indent=1 if file else None)
    if file is not None:
        file.write_text(document + "\n")
    if file is None and as_json:
        typer.echo(document)
    else:
        show_report(report)
    if report.problem_count:
        raise typer.Exit(1)


def synthesize_once(folder: Path) -> None:
    """The built-in data set is made once; deleting its folder makes it anew."""
    from rec_models.synthetic import make_world, write_world

    if not (folder / "truth").is_dir():
        write_world(make_world(), folder)
