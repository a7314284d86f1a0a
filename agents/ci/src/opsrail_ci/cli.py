"""``opsrail ci``: check or run a pipeline file in the current repository, without a server."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from opsrail_ci.pipeline_run import PipelineResult

app = typer.Typer(name="ci", help="Check or run a pipeline file in the current repository.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_Repository = Annotated[Path, typer.Option("--repository", "-C", help="Folder of the repository.")]


@app.command()
def lint(
    file: Annotated[Path | None, typer.Argument(help="Pipeline file; by default the repository's own.")] = None,
    repository: _Repository = Path(),
    as_json: _Json = False,
) -> None:
    """Check a pipeline file and show what would run. Problems are named with line and column."""
    from opsrail_ci.pipeline.model import FILE_NAMES  # noqa: PLC0415
    from opsrail_ci.queries.pipelines import PipelineText, describe  # noqa: PLC0415

    found = file or next((repository / name for name in FILE_NAMES if (repository / name).is_file()), None)
    if found is None or not found.is_file():
        _say(f"no pipeline file: {file or repository / FILE_NAMES[0]}")
        raise typer.Exit(2)
    report = describe(PipelineText(text=found.read_text(errors="replace")))
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    for problem in report.problems:
        _say(f"{found}:{problem.line}:{problem.column}: {problem.message}")
    if not report.valid:
        raise typer.Exit(1)
    if not as_json:
        for step in report.steps:
            typer.echo(f"{step.job}: {step.step} ({step.image or step.runner})")
        for image in report.images:
            typer.echo(f"image {image}")


@app.command()
def run(
    repository: _Repository = Path(),
    event: Annotated[str, typer.Option(help="push, tag, pull_request or manual.")] = "manual",
    artifacts: Annotated[Path, typer.Option(help="Folder that artifacts are put in.")] = Path(".opsrail/artifacts"),
    as_json: _Json = False,
) -> None:
    """Run the pipeline on a copy of the working tree: the same code as on the server, without its secrets."""
    from opsrail_sdk.errors import AgentError  # noqa: PLC0415

    try:
        result = asyncio.run(_run(repository.resolve(), event, (repository / artifacts).resolve()))
    except AgentError as error:
        if as_json:
            typer.echo(json.dumps({"outcome": "failure", "code": error.code, "message": str(error)}, indent=2))
        _say(f"{error.code}: {error}")
        raise typer.Exit(1) from error
    typer.echo(result.model_dump_json(indent=2) if as_json else f"{result.outcome}: {result.summary()}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of the pipeline file, for editors."""
    from opsrail_ci.pipeline.model import schema as pipeline_schema  # noqa: PLC0415

    typer.echo(json.dumps(pipeline_schema(), indent=2))


async def _run(repository: Path, event: str, artifacts: Path) -> "PipelineResult":
    from rich.console import Console  # noqa: PLC0415

    from opsrail_ci.adapters.base import CommitState, CommitStatus  # noqa: PLC0415
    from opsrail_ci.adapters.connect import PlainGit  # noqa: PLC0415
    from opsrail_ci.console import ConsoleContext  # noqa: PLC0415
    from opsrail_ci.events import Emitter  # noqa: PLC0415
    from opsrail_ci.pipeline.model import Event  # noqa: PLC0415
    from opsrail_ci.pipeline_run import PipelineRun  # noqa: PLC0415
    from opsrail_ci.report import Report  # noqa: PLC0415
    from opsrail_ci.settings import CiConfig  # noqa: PLC0415
    from opsrail_ci.working_tree import copy  # noqa: PLC0415
    from opsrail_sdk.errors import InvalidInput  # noqa: PLC0415

    if event not in set(Event):
        raise InvalidInput(f"{event} is not an event; choose from {', '.join(Event)}")
    with tempfile.TemporaryDirectory(prefix="opsrail-ci-") as scratch:
        workdir = Path(scratch)
        context: Any = ConsoleContext(CiConfig(), workdir=workdir, artifacts=artifacts, console=Console(stderr=True))
        facts = await copy(repository, workdir / "source", event=Event(event))
        change = {"repository": facts.repository, "repository_uri": repository.as_uri(), "commit": facts.commit}
        status = CommitStatus(
            repository=facts.repository,
            commit=facts.commit,
            ref=facts.ref,
            state=CommitState.PENDING,
            context="local",
            description="",
        )
        emitter = Emitter(context, f"urn:opsrail:run:{context.run_id}", change)
        report = Report(context, emitter, PlainGit(None), status)
        return await PipelineRun(context, facts, workdir / "source", report, git=None).run()


def _say(text: str) -> None:
    typer.echo(text, err=True)
