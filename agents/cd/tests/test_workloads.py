import subprocess
import uuid
from typing import Any

import pytest

from opsrail_sdk.errors import AgentError, CredentialsRejected, InvalidInput, NotFound, RateLimited, Unavailable
from opsrail_sdk.testing.harness import AgentHarness
from tests.simulators.docker_engine import DockerEngineSimulator
from tests.simulators.kubernetes import KubernetesSimulator


def deployment(name: str, namespace: str = "shop", *, replicas: int = 2, **status: Any) -> dict[str, Any]:
    whole = {
        "observedGeneration": 1,
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": replicas,
        "availableReplicas": replicas,
    }
    return {
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"image": f"{name}:1"}]}}},
        "status": {**whole, **status},
    }


def container(name: str, state: dict[str, Any], **labels: str) -> dict[str, Any]:
    return {
        "Id": name,
        "Name": f"/{name}",
        "Created": "2026-01-01T00:00:00.123456789Z",
        "RestartCount": 0,
        "State": state,
        "Config": {"Image": "busybox:1", "Labels": labels},
    }


async def test_a_clusters_workloads_with_reasons_over_several_pages(
    cd: AgentHarness, cluster: KubernetesSimulator
) -> None:
    stuck = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    cluster.objects = [
        deployment("cart"),
        deployment("web", availableReplicas=1, readyReplicas=1),
        deployment("pay", conditions=[stuck]),
        deployment("idle", replicas=0),
        deployment("other", namespace="infra"),
    ]
    answer = await cd.query("workloads", {"connection": "cluster", "namespace": "shop"})
    assert answer["platform"] == "kubernetes"
    shown = {entry["name"]: (entry["health"], entry["reason"]) for entry in answer["workloads"]}
    assert shown == {
        "cart": ("healthy", None),
        "web": ("progressing", "1 of 2 replicas are available"),
        "pay": ("degraded", "ProgressDeadlineExceeded: timed out"),
        "idle": ("stopped", "scaled to zero"),
    }
    assert answer["unhealthy"] == 2
    everywhere = await cd.query("workloads", {"connection": "cluster"})
    assert len(everywhere["workloads"]) == 5


async def test_a_docker_hosts_containers_with_reasons(cd: AgentHarness, engine: DockerEngineSimulator) -> None:
    unwell = {"Status": "unhealthy", "FailingStreak": 3, "Log": [{"Output": "connection refused\n"}]}
    engine.containers = [
        container("db", {"Status": "running"}, **{"com.docker.compose.project": "shop"}),
        container("web", {"Status": "running", "Health": unwell}),
        container("job", {"Status": "exited", "ExitCode": 0}),
        container("hog", {"Status": "exited", "ExitCode": 137, "OOMKilled": True}),
    ]
    answer = await cd.query("workloads", {"connection": "engine"})
    shown = {entry["name"]: (entry["health"], entry["reason"]) for entry in answer["workloads"]}
    assert shown == {
        "db": ("healthy", None),
        "web": ("degraded", "health check failed 3 times: connection refused"),
        "job": ("stopped", "ended with exit code 0"),
        "hog": ("degraded", "killed for using too much memory"),
    }
    only = await cd.query("workloads", {"connection": "engine", "namespace": "shop"})
    assert [entry["name"] for entry in only["workloads"]] == ["db"]


@pytest.mark.parametrize(("status", "error"), [(403, CredentialsRejected), (500, Unavailable), (429, RateLimited)])
async def test_a_cluster_that_does_not_answer_well(
    cd: AgentHarness, cluster: KubernetesSimulator, status: int, error: type[AgentError]
) -> None:
    cluster.failures.extend([status] * 3)
    with pytest.raises(error):
        await cd.query("workloads", {"connection": "cluster"})


async def test_wrong_connections(cd: AgentHarness, cluster: KubernetesSimulator) -> None:
    with pytest.raises(InvalidInput, match="docker or kubernetes"):
        await cd.query("workloads", {"connection": "metrics"})
    with pytest.raises(NotFound):
        await cd.query("workloads", {"connection": "nosuch"})
    with pytest.raises(InvalidInput):
        await cd.query("workloads", {"namespace": "../secrets"})
    cluster.token = "changed"
    with pytest.raises(AgentError) as refused:
        await cd.query("workloads", {"connection": "cluster"})
    assert refused.value.code == "credentials_rejected"


@pytest.mark.docker
async def test_a_real_engine(cd: AgentHarness, busybox: str) -> None:
    name = f"opsrail-{uuid.uuid4().hex[:8]}"
    command = ["docker", "run", "-d", "--name", name, "--network", "none", busybox, "/bin/sleep", "600"]
    subprocess.run(command, check=True)
    try:
        answer = await cd.query("workloads", {})
    finally:
        subprocess.run(["docker", "rm", "-f", name], check=True)
    found = next(entry for entry in answer["workloads"] if entry["name"] == name)
    assert (found["health"], found["ready"]) == ("healthy", 1)
