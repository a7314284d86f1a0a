"""The OpenAPI document is true: whatever fits it, or breaks it, gets a documented answer and never a 5xx.

The same by hand: ``schemathesis run $URL/v1/openapi.json --header "Authorization: Bearer $TOKEN"``.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from opsrail.testing.stack import Stack

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
ENDLESS = "/v1/stream"
"""Server-sent events do not end; ``orchestrator/tests/stream`` covers them."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_5xx_and_no_undocumented_answer(new_stack: Callable[..., Stack], tmp_path: Path) -> None:
    stack = new_stack("--no-agents").start()
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{stack.url}/v1/openapi.json",
        "--header",
        f"Authorization: Bearer {stack.token}",
        "--checks",
        CHECKS,
        "--exclude-path",
        ENDLESS,
        "--max-examples",
        "15",
        "--phases",
        "examples,coverage,fuzzing",
        "--request-timeout",
        "60",
        "--generation-deterministic",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=780, check=False)
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-2000:]


def test_every_route_says_what_it_answers(stack: Stack) -> None:
    with stack.client() as client:
        document = client.get("/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    bare = [
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if path.startswith("/v1/") and not {"401", "404"} & set(operation["responses"])
    ]
    assert bare == []
