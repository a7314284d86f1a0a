"""An agent made by ``opsrail agents new``, or taken from ``examples``, works in a running stack as one folder."""

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from opsrail.testing.stack import Stack, wait_until
from tests.e2e.site import Site
from tests.e2e.support import items

EXAMPLES = Path(__file__).parents[2] / "examples" / "agents"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def open_stack(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that began with no agent, and finds packages in the site."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        site.join(monkeypatch)
        monkeypatch.setenv("OPSRAIL_INSTALL_AGENTS", "false")
        stack = Stack(tmp_path_factory.mktemp("open")).start()
        yield stack
        stack.stop()


@pytest.fixture
def open_client(open_stack: Stack) -> Iterator[httpx.Client]:
    with open_stack.client() as client:
        yield client


@pytest.mark.slow
def test_a_new_agent_works_from_its_folder_alone(
    open_stack: Stack, open_client: httpx.Client, site: Site, tmp_path: Path
) -> None:
    made = open_stack.cli("agents", "new", "seventh", "--in", str(tmp_path), "--json")
    folder = Path(json.loads(made.stdout)["folder"])
    assert (made.returncode, folder) == (0, tmp_path / "seventh")
    checked = open_stack.cli("agents", "check", str(folder), "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert {finding["check"] for finding in json.loads(checked.stdout)} >= {"layout", "imports", "starts"}

    assert open_client.post("/v1/agents", json={"module": "opsrail_seventh"}).json()["code"] == "unknown_module"
    site.install(folder)
    offers = {offer["id"]: offer["installed"] for offer in open_client.get("/v1/catalogue").json()["items"]}
    assert offers["seventh"] is False
    installed = open_stack.cli("agents", "install", "seventh", "--set", "greeting=Good day,", "--json")
    assert installed.returncode == 0, installed.stderr
    assert open_stack.cli("agents", "enable", "seventh", "--json").returncode == 0
    open_stack.wait_agents("seventh")

    asked = open_stack.cli("query", "seventh.preview", "--input", '{"whom": "Ada"}', "--json")
    assert json.loads(asked.stdout) == {"words": "Good day, Ada"}, asked.stderr
    done = open_stack.cli("invoke", "seventh.say_hello", "--input", '{"whom": "Ada"}', "--wait", "--json")
    *lines, run = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, run["state"], run["output"]) == (0, "succeeded", {"words": "Good day, Ada"})
    assert "Good day, Ada" in [line["text"] for line in lines]

    def greetings() -> list[str]:
        return [event["subject"] for event in items(open_client, "/v1/events", type="io.opsrail.seventh.greeted.v1")]

    wait_until(lambda: greetings() == ["Ada"], what="the agent's own event")
    wanted = {"specversion": "1.0", "id": "1", "source": "/test", "type": "io.opsrail.seventh.wanted.v1"}
    assert open_client.post("/v1/events", json={**wanted, "subject": "Grace"}).status_code < 300
    wait_until(lambda: greetings() == ["Grace", "Ada"], what="a run that an event asked for")

    manifest = open_client.get("/v1/agents/seventh").json()["manifest"]
    assert (manifest["id"], [query["name"] for query in manifest["queries"]]) == ("seventh", ["preview"])
    assert "greeting" in open_client.get("/v1/agents/seventh/config").json()["config_schema"]["properties"]

    assert open_stack.cli("agents", "uninstall", "seventh", "--json").returncode == 0
    wait_until(
        lambda: not any("opsrail_seventh" in " ".join(line) for line in open_stack.processes().values()),
        what="its process has ended",
    )


@pytest.mark.slow
def test_the_example_reads_a_real_certificate(
    open_stack: Stack, open_client: httpx.Client, site: Site, tls_server: str
) -> None:
    site.install(EXAMPLES / "certs")
    assert open_client.post("/v1/agents", json={"module": "opsrail_certs"}).status_code == 201
    open_client.post("/v1/agents/certs/enable").raise_for_status()
    open_stack.wait_agents("certs")
    answer = open_client.post("/v1/agents/certs/queries/expiry", json={"input": {"server": tls_server}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["output"]["days_left"] == 9
    body = {"agent": "certs", "action": "check", "input": {"server": tls_server}}
    run = open_client.post("/v1/runs", json=body).json()
    ended = open_client.get(f"/v1/runs/{run['id']}", params={"wait": 30}).json()
    assert (ended["state"], len(ended["output"]["certificates"])) == ("succeeded", 1), ended["error"]
    refused = open_client.post("/v1/agents/certs/queries/expiry", json={"input": {"server": "127.0.0.1:1"}})
    assert (refused.status_code, refused.json()["code"]) == (502, "no_tls")
    assert "Traceback" not in refused.text


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[str]:
    """A server whose certificate has between nine and ten days to live."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    end = datetime.now(UTC) + timedelta(days=9, hours=12)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(end - timedelta(days=90))
    certificate = made.not_valid_after(end).sign(key, hashes.SHA256())
    file = tmp_path / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)

    class Handshake(BaseRequestHandler):
        def handle(self) -> None:
            with context.wrap_socket(self.request, server_side=True) as connection:
                connection.recv(1)

    class Server(ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that only shakes hands leaves as it likes."""

    with Server(("127.0.0.1", 0), Handshake) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
