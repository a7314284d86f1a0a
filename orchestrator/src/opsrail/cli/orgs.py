"""``opsrail orgs …``."""

from typing import Annotated

import typer

from opsrail.cli.client import Client
from opsrail.cli.output import Json, ago, out, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, help="Organisations")


@app.command("list")
def list_organisations(json: Json = False) -> None:
    """Those that one's login opens."""
    found = Client().get("/organisations")["items"]
    if json:
        print_json(found)
        return
    rows = ((item["slug"], item["title"], item["org_id"], ago(item["created_at"])) for item in found)
    print_table(("slug", "title", "id", "made"), rows, empty="none")


@app.command()
def create(
    slug: Annotated[str, typer.Argument(help="Short name, for ever")],
    title: Annotated[str | None, typer.Option(help="The slug where left out")] = None,
    json: Json = False,
) -> None:
    """Make an organisation; its first administrator's token is shown this once."""
    made = Client().post("/organisations", {"slug": slug, "title": title or slug})
    if json:
        print_json(made)
    elif made["token"]:
        out.print(made["token"], highlight=False, soft_wrap=True)
        say("the first administrator's token; keep it now: it is not shown again")
    else:
        say(f"{slug} is made, and you administer it")
