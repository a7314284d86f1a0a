"""GitLab: https://docs.gitlab.com/user/project/integrations/webhook_events/ . The payload names its event."""

from collections.abc import Callable, Mapping
from typing import Any

from opsrail.hooks.delivery import Delivery, Normalised
from opsrail.hooks.normalisers.git import PullRequest, Push, Repository, add_pull_request, add_push, head_message
from opsrail.hooks.reading import dig, moment, objects, text, texts, uri

EVENT_HEADER = "x-gitlab-event"
Payload = dict[str, Any]

_NOWHERE = "0" * 40
_PHASES = {
    "created": "queued",
    "waiting_for_resource": "queued",
    "preparing": "queued",
    "pending": "queued",
    "running": "started",
    "success": "finished",
    "failed": "finished",
    "canceled": "finished",
    "skipped": "finished",
}
_OUTCOMES = {"success": "success", "failed": "failure", "canceled": "cancel", "skipped": "cancel"}


def normalise(delivery: Delivery) -> Normalised:
    """Map a delivery.

    Raises:
        NotUnderstood: no JSON object.
    """
    payload = delivery.json_object()
    event = guess_event(payload) or _from_header(delivery.headers.get(EVENT_HEADER))
    out = Normalised(delivery)
    mapping = _MAPPINGS.get(event)
    if mapping is not None:
        mapping(out, payload)
    if not out.entries:
        action = dig(payload, "object_attributes", "action") or payload.get("action")
        name, source = _name(payload), uri(dig(payload, "project", "web_url"))
        out.generic(event, action, source=source, subject=name, data=payload)
    return out


def guess_event(payload: Mapping[str, Any]) -> str | None:
    """The event's name, which every project hook carries; system hooks call it ``event_name``."""
    return text(payload.get("object_kind")) or text(payload.get("event_name"))


def _from_header(header: str | None) -> str:
    return (header or "unknown").removesuffix(" Hook").strip().lower().replace(" ", "_")


def _name(payload: Payload) -> str | None:
    return text(dig(payload, "project", "path_with_namespace"))


def _repository(payload: Payload) -> Repository | None:
    project = payload.get("project")
    name, source = _name(payload), uri(dig(project, "web_url"))
    if name is None or source is None:
        return None
    return Repository(
        full_name=name,
        source=source,
        clone_url=_clone_url(project),
        default_branch=text(dig(project, "default_branch")),
    )


def _clone_url(project: Any) -> str | None:
    for key in ("git_http_url", "http_url", "url"):
        found = text(dig(project, key))
        if found and found.startswith(("http://", "https://")):
            return found
    web = uri(dig(project, "web_url"))
    return f"{web}.git" if web else None


def _push(out: Normalised, payload: Payload) -> None:
    repository = _repository(payload)
    ref, before, after = (text(payload.get(key)) for key in ("ref", "before", "after"))
    if repository is None or ref is None or before is None or after is None:
        return
    commits = objects(payload.get("commits"))
    head = text(payload.get("checkout_sha")) or after
    add_push(
        out,
        Push(
            repository=repository,
            ref=ref,
            before=before,
            after=after if after == _NOWHERE else head,
            created=before == _NOWHERE,
            deleted=after == _NOWHERE,
            forced=False,
            pusher=text(payload.get("user_username")) or text(payload.get("user_name")),
            message=head_message(commits, head) or text(payload.get("message")),
            commits=commits,
            time=None,
        ),
    )


def _merge_request(out: Normalised, payload: Payload) -> None:
    repository, request = _repository(payload), payload.get("object_attributes")
    number = dig(request, "iid")
    if repository is None or not isinstance(request, dict) or not isinstance(number, int):
        return
    action = text(request.get("action"))
    name = {
        "open": "created",
        "merge": "merged",
        "close": "abandoned",
        "approved": "reviewed",
        "unapproved": "reviewed",
        "approval": "reviewed",
        "unapproval": "reviewed",
    }.get(action or "", "updated")
    add_pull_request(
        out,
        f"change.{name}",
        PullRequest(
            repository=repository,
            number=number,
            title=text(request.get("title")),
            author=text(dig(payload, "user", "username")),
            action=action,
            web_url=uri(request.get("url")),
            head_sha=text(dig(request, "last_commit", "id")),
            head_ref=text(request.get("source_branch")),
            base_sha=text(request.get("oldrev")),
            base_ref=text(request.get("target_branch")),
            from_fork=request.get("source_project_id") != request.get("target_project_id"),
            clone_url=_clone_url(request.get("source")) or repository.clone_url,
            draft=request.get("draft") is True or request.get("work_in_progress") is True,
            merged=request.get("state") == "merged",
            merge_commit_sha=text(request.get("merge_commit_sha")),
            description=text(request.get("description")),
            time=moment(request.get("updated_at")),
        ),
    )


def _pipeline(out: Normalised, payload: Payload) -> None:
    repository, pipeline = _repository(payload), payload.get("object_attributes")
    subject, status = text(dig(pipeline, "id")), text(dig(pipeline, "status"))
    phase = _PHASES.get(status or "")
    if repository is None or not isinstance(pipeline, dict) or subject is None or phase is None:
        return
    content: dict[str, Any] = {
        "pipelineName": text(pipeline.get("name")) or repository.full_name,
        "uri": uri(pipeline.get("url")) or f"{repository.source}/-/pipelines/{subject}",
    }
    if phase == "finished":
        content["outcome"] = _OUTCOMES[status or ""]
    out.cdevent(
        f"pipelinerun.{phase}",
        source=repository.source,
        subject_id=subject,
        content=content,
        time=moment(pipeline.get("finished_at" if phase == "finished" else "created_at")),
        custom_data={
            "pipeline": {
                "repository": repository.full_name,
                "head_sha": pipeline.get("sha"),
                "ref": pipeline.get("ref"),
                "tag": pipeline.get("tag"),
                "event": pipeline.get("source"),
                "status": status,
                "duration_seconds": pipeline.get("duration"),
                "queued_seconds": pipeline.get("queued_duration"),
                "builds": [
                    {
                        key: build.get(key)
                        for key in ("id", "name", "stage", "status", "failure_reason", "allow_failure")
                    }
                    for build in objects(payload.get("builds"))[:200]
                ],
            }
        },
    )


def _build(out: Normalised, payload: Payload) -> None:
    source = uri(dig(payload, "project", "web_url")) or uri(dig(payload, "repository", "homepage"))
    subject, status = text(payload.get("build_id")), text(payload.get("build_status"))
    phase = _PHASES.get(status or "")
    if source is None or subject is None or phase not in ("started", "finished"):
        return
    pipeline = text(payload.get("pipeline_id"))
    content: dict[str, Any] = {
        "taskName": text(payload.get("build_name")),
        "uri": f"{source}/-/jobs/{subject}",
        "pipelineRun": {"id": pipeline, "source": source} if pipeline else None,
    }
    if phase == "finished":
        content["outcome"] = _OUTCOMES[status or ""]
        content["errors"] = text(payload.get("build_failure_reason"))
    out.cdevent(
        f"taskrun.{phase}",
        source=source,
        subject_id=subject,
        content=content,
        time=moment(payload.get("build_finished_at" if phase == "finished" else "build_started_at")),
        custom_data={
            "task": {
                "kind": "job",
                "repository": _name(payload) or text(payload.get("project_name")),
                "head_sha": payload.get("sha"),
                "ref": payload.get("ref"),
                "stage": payload.get("build_stage"),
                "conclusion": status,
                "started_at": payload.get("build_started_at"),
                "completed_at": payload.get("build_finished_at"),
                "allow_failure": payload.get("build_allow_failure"),
            }
        },
    )


def _package(repository: Repository, version: str) -> str:
    """Package URL; purl has a type for GitLab since it mirrors GitHub's."""
    return f"pkg:gitlab/{repository.full_name.lower()}@{version}"


def _release(out: Normalised, payload: Payload) -> None:
    repository, tag = _repository(payload), text(payload.get("tag"))
    if payload.get("action") != "create" or repository is None or tag is None:
        return
    out.cdevent(
        "artifact.published",
        source=repository.source,
        subject_id=_package(repository, tag),
        content={"user": text(dig(payload, "commit", "author", "name"))},
        time=moment(payload.get("released_at")),
        custom_data={
            "release": {
                "repository": repository.full_name,
                "tag": tag,
                "name": payload.get("name"),
                "web_url": payload.get("url"),
                "body": (text(payload.get("description")) or "")[:20_000],
                "assets": [
                    {"name": link.get("name"), "url": link.get("url")}
                    for link in objects(dig(payload, "assets", "links"))[:200]
                ],
            }
        },
    )


def _deployment(out: Normalised, payload: Payload) -> None:
    repository = _repository(payload)
    sha, environment = text(payload.get("short_sha")), text(payload.get("environment"))
    if payload.get("status") != "success" or not (repository and sha and environment):
        return
    out.cdevent(
        "service.deployed",
        source=repository.source,
        subject_id=repository.full_name,
        content={"environment": {"id": environment}, "artifactId": _package(repository, sha)},
        time=moment(payload.get("status_changed_at")),
        custom_data={
            "deployment": {
                "id": payload.get("deployment_id"),
                "repository": repository.full_name,
                "sha": sha,
                "ref": payload.get("ref"),
                "environment": environment,
                "creator": dig(payload, "user", "username"),
                "web_url": payload.get("deployable_url"),
            }
        },
    )


def _issue(out: Normalised, payload: Payload) -> None:
    repository, issue = _repository(payload), payload.get("object_attributes")
    number, link = text(dig(issue, "iid")), uri(dig(issue, "url"))
    if repository is None or not isinstance(issue, dict) or number is None or link is None:
        return
    action = text(issue.get("action"))
    name = {"open": "created", "close": "closed"}.get(action or "", "updated")
    content: dict[str, Any] = {
        "summary": text(issue.get("title")) or "",
        "creator": text(dig(payload, "user", "username")) or "unknown",
        "assignees": texts([item.get("username") for item in objects(payload.get("assignees"))]),
        "labels": texts([item.get("title") for item in objects(issue.get("labels"))]),
        "uri": link,
    }
    if name == "closed":
        content["resolution"] = "completed"
    out.cdevent(
        f"ticket.{name}",
        source=repository.source,
        subject_id=number,
        content=content,
        time=moment(issue.get("updated_at")),
        custom_data={"issue": {"repository": repository.full_name, "action": action}},
    )


_MAPPINGS: Mapping[str, Callable[[Normalised, Payload], None]] = {
    "push": _push,
    "tag_push": _push,
    "merge_request": _merge_request,
    "pipeline": _pipeline,
    "build": _build,
    "release": _release,
    "deployment": _deployment,
    "issue": _issue,
}
"""What has a word in CDEvents; a mapping that adds nothing leaves the payload as a generic event."""
