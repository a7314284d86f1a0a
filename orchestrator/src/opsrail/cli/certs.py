"""``opsrail certs``: a development CA and certificates from it."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from opsrail import certificates
from opsrail.cli.client import data_folder
from opsrail.cli.output import Json, fail, out, print_json, print_table, say


def certs(
    folder: Annotated[
        Path | None, typer.Option("--out", help="Where to; `tls` in the data folder if left out")
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option("--host", help="Further names and addresses of servers; may be given several times"),
    ] = None,
    days: Annotated[
        int, typer.Option(min=61, max=3650, help="How long certificates hold; renewed in their last 60 days")
    ] = certificates.LIFETIME.days,
    json: Json = False,
) -> None:
    """Make a CA and certificates for development, or renew what runs out. Production brings its own."""
    target = (folder or data_folder() / "tls").absolute()
    hosts = list(dict.fromkeys(["localhost", "127.0.0.1", "::1", *(host or [])]))
    try:
        issued = certificates.issue(target, hosts, lifetime=timedelta(days=days))
    except (ValueError, OSError) as error:
        fail(str(error))
    settings = {
        "OPSRAIL_TLS_CA": target / "ca.crt",
        "OPSRAIL_TLS_SERVER_CERT": target / "server.crt",
        "OPSRAIL_TLS_SERVER_KEY": target / "server.key",
        "OPSRAIL_TLS_CERT": target / "client.crt",
        "OPSRAIL_TLS_KEY": target / "client.key",
    }
    if json:
        print_json(
            {
                "certificates": [
                    {name: str(value) if isinstance(value, Path) else value for name, value in asdict(entry).items()}
                    for entry in issued
                ],
                "settings": {name: str(path) for name, path in settings.items()},
            }
        )
        return
    print_table(
        ("certificate", "file", "expires", ""),
        ((entry.name, entry.certificate, entry.expires.date(), "new" if entry.renewed else "") for entry in issued),
        empty="nothing",
    )
    for name, path in settings.items():
        out.print(f"export {name}={path}", highlight=False, soft_wrap=True)
    say("servers read their certificate when they start: restart them after a renewal")
