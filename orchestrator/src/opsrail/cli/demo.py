"""``opsrail demo …``: see it work, start to end, on the running stack or a throwaway one."""

from collections.abc import Callable
from typing import Any

import typer

from opsrail.cli.output import Json, err, fail, print_json
from opsrail.demo.stage import CheckFailed, Narrator

app = typer.Typer(no_args_is_help=True, help="See it work, start to end")


@app.callback()
def _group() -> None:
    """Demonstrations; each ends with what was checked."""


@app.command()
def ci(json: Json = False) -> None:
    """A signed push becomes a built, tested, stored artifact."""
    from opsrail.demo import ci as play  # noqa: PLC0415 (each demonstration brings its own imports)

    _perform("ci", play.run, json)


@app.command()
def trust(json: Json = False) -> None:
    """An action allowed, one denied, one approved, one forged; and an edited audit entry is found."""
    from opsrail.demo import trust as play  # noqa: PLC0415

    _perform("trust", play.run, json)


def _perform(name: str, play: Callable[[Narrator], dict[str, Any]], json: bool) -> None:
    narrator = Narrator(err)
    try:
        made = play(narrator)
    except CheckFailed as error:
        fail(str(error))
    if json:
        print_json({"demo": name, "checked": narrator.checked, "seconds": round(narrator.seconds, 1), **made})
    else:
        err.print(f"\n[bold green]done[/]: {len(narrator.checked)} things checked in {narrator.seconds:.1f} s")
