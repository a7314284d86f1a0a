"""Terraform's diagnostics as we pass them on. Pure.

https://developer.hashicorp.com/terraform/cli/commands/validate#json-output-format
"""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, Field

_LONGEST = 4000


class Diagnostic(BaseModel):
    severity: Literal["error", "warning"]
    summary: str
    detail: str
    file: str | None = Field(description="Relative to the folder.")
    line: int | None = Field(description="From 1.")
    column: int | None = Field(description="From 1.")
    end_line: int | None
    snippet: str | None = Field(description="The line of code.")


def diagnostics(entries: Iterable[dict[str, Any]]) -> list[Diagnostic]:
    """Without repeats: ``init`` and ``validate`` can say the same."""
    found: dict[str, Diagnostic] = {}
    for entry in entries:
        start, end = ((entry.get("range") or {}).get(name) or {} for name in ("start", "end"))
        diagnostic = Diagnostic(
            severity="warning" if entry.get("severity") == "warning" else "error",
            summary=str(entry.get("summary", ""))[:_LONGEST],
            detail=str(entry.get("detail", ""))[:_LONGEST],
            file=(entry.get("range") or {}).get("filename"),
            line=start.get("line"),
            column=start.get("column"),
            end_line=end.get("line"),
            snippet=(entry.get("snippet") or {}).get("code"),
        )
        found.setdefault(diagnostic.model_dump_json(), diagnostic)
    return list(found.values())
