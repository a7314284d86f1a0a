"""Tables on a terminal and in a pipe."""

import pytest
from rich.console import Console

from opsrail.cli import output, stack
from opsrail.doctor import Check

RUN = "b3f62168-8142-444c-a232-faa4dca12cfb"
LONG = "cannot clone http://forge.example/acme/shop.git: the reference is not a tree"


def printed(monkeypatch: pytest.MonkeyPatch, width: int | None) -> list[str]:
    console = Console(width=width or output.PIPE_WIDTH)
    monkeypatch.setattr(output, "out", console)
    with console.capture() as text:
        output.print_table(("run", "state", "message"), [(RUN, "failed", LONG)], empty="none")
    return text.get().splitlines()


def test_ids_stay_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, 80)
    assert lines[1].startswith(f"{RUN}  failed")
    assert max(map(len, lines)) <= 80


def test_a_row_is_a_line_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    _, line = printed(monkeypatch, None)
    assert line.split(maxsplit=2) == [RUN, "failed", LONG]


@pytest.mark.parametrize(("required", "code"), [(True, 1), (False, 0)])
def test_doctor_fails_only_where_the_product_cannot_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], required: bool, code: int
) -> None:
    missing = Check("Docker engine", ok=False, detail="does not answer", fix="start it", required=required)
    monkeypatch.setattr("opsrail.doctor.run", lambda _: [Check("git", ok=True, detail="2.39"), missing])
    monkeypatch.setattr(stack, "data_folder", lambda: None)
    left = 0
    try:
        stack.doctor(json=True)
    except stack.typer.Exit as ended:
        left = ended.exit_code
    assert left == code
    assert f'"required":{str(required).lower()}' in capsys.readouterr().out
