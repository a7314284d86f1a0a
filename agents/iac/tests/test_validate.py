from pathlib import Path
from typing import Any

import pytest

from opsrail_sdk.errors import AgentError, InvalidInput, NotFound
from opsrail_sdk.testing.harness import AgentHarness

GOOD = """
variable "size" { type = number }
resource "terraform_data" "a" { input = var.size }
"""
BAD = """
resource "terraform_data" "a" {
  inpt = local.nope
}
"""


async def test_a_valid_configuration(iac: AgentHarness, engine: str) -> None:
    answer = await iac.query("validate", {"files": {"main.tf": GOOD}})
    assert answer == {"valid": True, "errors": 0, "warnings": 0, "diagnostics": [], "engine": engine}


async def test_what_is_wrong_is_said_with_its_place(iac: AgentHarness) -> None:
    answer = await iac.query("validate", {"files": {"main.tf": BAD, "outputs.tf": 'output "x" { value = local.y }'}})
    assert (answer["valid"], answer["errors"]) == (False, 2)
    places = {(entry["file"], entry["line"], entry["summary"]) for entry in answer["diagnostics"]}
    assert ("main.tf", 3, "Unsupported argument") in places
    assert ("outputs.tf", 1, "Reference to undeclared local value") in places


async def test_a_syntax_error_is_an_answer_not_a_fault(iac: AgentHarness) -> None:
    answer = await iac.query("validate", {"files": {"main.tf": 'resource "x" {'}})
    assert not answer["valid"]
    assert (answer["diagnostics"][0]["file"], answer["diagnostics"][0]["line"]) == ("main.tf", 1)


async def test_a_folder_with_a_module_beside_it_is_left_as_it_was(iac: AgentHarness, root: Path) -> None:
    (root / "modules" / "box").mkdir(parents=True)
    (root / "modules" / "box" / "main.tf").write_text('variable "size" {}\n')
    (root / "prod").mkdir()
    (root / "prod" / "main.tf").write_text('module "box" {\n  source = "../modules/box"\n  sise = 1\n}\n')
    before = sorted(path.name for path in root.rglob("*"))
    answer = await iac.query("validate", {"folder": str(root / "prod")})
    assert {entry["summary"] for entry in answer["diagnostics"]} == {
        "Missing required argument",
        "Unsupported argument",
    }
    assert sorted(path.name for path in root.rglob("*")) == before


async def test_providers_that_cannot_be_fetched_are_no_verdict(iac: AgentHarness) -> None:
    block = 'terraform {\n  required_providers {\n    x = { source = "registry.invalid/no/such" }\n  }\n}\n'
    with pytest.raises(AgentError, match=r"registry\.invalid") as failed:
        await iac.query("validate", {"files": {"main.tf": block}})
    assert failed.value.code == "init_failed"


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"folder": "/x", "files": {"a.tf": ""}},
        {"files": {}},
        {"files": {"../a.tf": ""}},
        {"files": {"/etc/a.tf": ""}},
        {"files": {"a.sh": ""}},
        {"files": {".terraform/a.tf": ""}},
        {"folder": "relative"},
    ],
)
async def test_input_that_is_refused(iac: AgentHarness, wish: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await iac.query("validate", wish)


async def test_folders_outside_the_roots(iac: AgentHarness, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "main.tf").write_text(GOOD)
    (root / "link").symlink_to(outside)
    for folder in (outside, root / "link", root / ".." / "outside"):
        with pytest.raises(AgentError) as refused:
            await iac.query("validate", {"folder": str(folder)})
        assert refused.value.code == "folder_not_allowed"
    for folder in (root, root / "nosuch"):
        with pytest.raises(NotFound):
            await iac.query("validate", {"folder": str(folder)})
