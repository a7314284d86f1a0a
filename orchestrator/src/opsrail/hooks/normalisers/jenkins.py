"""Jenkins' notification plugin, JSON format: https://plugins.jenkins.io/notification/

The plugin tells of one build up to four times. COMPLETED and FINALIZED both become ``pipelinerun.finished`` of the
same subject: an installation may send either, and the outcome may change between them.
"""

from typing import Any

from opsrail.hooks.delivery import Delivery, Normalised
from opsrail.hooks.reading import dig, moment, text, texts, uri

_PHASES = {"QUEUED": "queued", "STARTED": "started", "COMPLETED": "finished", "FINALIZED": "finished"}
_OUTCOMES = {
    "SUCCESS": "success",
    "FAILURE": "failure",
    "UNSTABLE": "failure",
    "ABORTED": "cancel",
    "NOT_BUILT": "cancel",
}


def normalise(delivery: Delivery) -> Normalised:
    """Map a delivery.

    Raises:
        NotUnderstood: no JSON object.
    """
    payload = delivery.json_object()
    out = Normalised(delivery)
    build, job = payload.get("build"), text(payload.get("name"))
    word = text(dig(build, "phase"))
    phase = _PHASES.get(word or "")
    link = uri(dig(build, "full_url"))
    if not isinstance(build, dict) or phase is None or job is None or link is None:
        out.generic("build", word, subject=job, data=payload)
        return out
    job_path = text(payload.get("url")) or f"job/{job}/"
    number = text(build.get("number")) or text(build.get("queue_id")) or "0"
    source = _job_url(link, number) or delivery.urn
    content: dict[str, Any] = {"pipelineName": text(payload.get("display_name")) or job, "uri": link}
    status = text(build.get("status"))
    if phase == "finished":
        content["outcome"] = _OUTCOMES.get(status or "", "error")
    out.cdevent(
        f"pipelinerun.{phase}",
        source=source,
        subject_id=f"{job_path.strip('/')}/{number}",
        content=content,
        time=moment(build.get("timestamp")),
        custom_data={
            "jenkins": {
                "job": job,
                "number": build.get("number"),
                "phase": word,
                "status": status,
                "head_sha": dig(build, "scm", "commit"),
                "branch": dig(build, "scm", "branch"),
                "clone_url": dig(build, "scm", "url"),
                "culprits": texts(dig(build, "scm", "culprits")),
                "notes": build.get("notes"),
            }
        },
    )
    return out


def _job_url(build_url: str, number: str) -> str | None:
    """Address of the job, from that of one of its builds."""
    suffix = f"/{number}/"
    return build_url.removesuffix(suffix) + "/" if build_url.endswith(suffix) else uri(build_url)
