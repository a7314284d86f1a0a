"""GitHub: https://docs.github.com/en/webhooks/webhook-events-and-payloads . The event name is a header."""

from collections.abc import Callable, Mapping
from typing import Any

from opsrail.hooks.delivery import Delivery, Normalised, NotUnderstood
from opsrail.hooks.normalisers import github_shape
from opsrail.hooks.normalisers.git import PullRequest, Push, Repository, add_pull_request, add_push
from opsrail.hooks.reading import dig, moment, objects, text, texts, uri

EVENT_HEADER = "x-github-event"
Payload = dict[str, Any]

_OUTCOMES = {
    "success": "success",
    "neutral": "success",
    "failure": "failure",
    "cancelled": "cancel",
    "skipped": "cancel",
    "stale": "cancel",
}
"""Conclusion to CDEvents outcome; timed_out, startup_failure, action_required and new ones are ``error``."""


def normalise(delivery: Delivery) -> Normalised:
    """Map a delivery.

    Raises:
        NotUnderstood: no JSON object, or no event name.
    """
    payload = delivery.json_object()
    event = delivery.headers.get(EVENT_HEADER) or github_shape.event_of(payload)
    if event is None:
        raise NotUnderstood("the header X-GitHub-Event is missing")
    out = Normalised(delivery)
    mapping = _MAPPINGS.get(event)
    if mapping is not None:
        mapping(out, payload)
    if not out.entries and not out.ignored:
        out.generic(event, payload.get("action"), source=_source(payload), subject=_name(payload), data=payload)
    return out


def _source(payload: Payload) -> str | None:
    return uri(dig(payload, "repository", "html_url")) or uri(dig(payload, "organization", "url"))


def _name(payload: Payload) -> str | None:
    return text(dig(payload, "repository", "full_name")) or text(dig(payload, "organization", "login"))


def _repository(payload: Payload) -> Repository | None:
    name, source = text(dig(payload, "repository", "full_name")), uri(dig(payload, "repository", "html_url"))
    if name is None or source is None:
        return None
    return Repository(
        full_name=name,
        source=source,
        clone_url=text(dig(payload, "repository", "clone_url")),
        default_branch=text(dig(payload, "repository", "default_branch")),
    )


def _push(out: Normalised, payload: Payload) -> None:
    repository = _repository(payload)
    ref, after = text(payload.get("ref")), text(payload.get("after"))
    if repository is None or ref is None or after is None:
        return
    add_push(
        out,
        Push(
            repository=repository,
            ref=ref,
            before=text(payload.get("before")) or "",
            after=after,
            created=payload.get("created") is True,
            deleted=payload.get("deleted") is True,
            forced=payload.get("forced") is True,
            pusher=text(dig(payload, "pusher", "name")),
            message=text(dig(payload, "head_commit", "message")),
            commits=objects(payload.get("commits")),
            time=moment(dig(payload, "repository", "pushed_at")),
        ),
    )


def _pull_request(out: Normalised, payload: Payload) -> None:
    action = payload.get("action")
    if action == "closed":
        name = "change.merged" if dig(payload, "pull_request", "merged") is True else "change.abandoned"
    else:
        name = "change.created" if action == "opened" else "change.updated"
    _change(out, payload, name)


def _review(out: Normalised, payload: Payload) -> None:
    if payload.get("action") == "submitted":
        _change(out, payload, "change.reviewed")


def _change(out: Normalised, payload: Payload, name: str) -> None:
    repository = _repository(payload)
    pull = payload.get("pull_request")
    number = dig(pull, "number")
    if repository is None or not isinstance(pull, dict) or not isinstance(number, int):
        return
    head = text(dig(pull, "head", "repo", "full_name"))
    add_pull_request(
        out,
        name,
        PullRequest(
            repository=repository,
            number=number,
            title=text(pull.get("title")),
            author=text(dig(pull, "user", "login")),
            action=text(payload.get("action")),
            web_url=uri(pull.get("html_url")),
            head_sha=text(dig(pull, "head", "sha")),
            head_ref=text(dig(pull, "head", "ref")),
            base_sha=text(dig(pull, "base", "sha")),
            base_ref=text(dig(pull, "base", "ref")),
            from_fork=head != repository.full_name,
            clone_url=text(dig(pull, "head", "repo", "clone_url")) or repository.clone_url,
            draft=pull.get("draft") is True,
            merged=pull.get("merged") is True,
            merge_commit_sha=text(pull.get("merge_commit_sha")),
            description=text(pull.get("body")),
            time=moment(pull.get("updated_at")),
        ),
    )


def _workflow_run(out: Normalised, payload: Payload) -> None:
    run, repository = payload.get("workflow_run"), _repository(payload)
    name = {"requested": "queued", "in_progress": "started", "completed": "finished"}.get(str(payload.get("action")))
    subject, link = text(dig(run, "id")), uri(dig(run, "html_url"))
    if repository is None or name is None or subject is None or link is None:
        return
    conclusion = text(dig(run, "conclusion"))
    content: dict[str, Any] = {
        "pipelineName": text(dig(payload, "workflow", "name")) or text(dig(run, "name")) or "workflow",
        "uri": link,
    }
    if name == "finished":
        content["outcome"] = _OUTCOMES.get(conclusion or "", "error")
    out.cdevent(
        f"pipelinerun.{name}",
        source=repository.source,
        subject_id=subject,
        content=content,
        time=moment(dig(run, "updated_at")),
        custom_data={
            "workflow_run": {
                "repository": repository.full_name,
                "head_sha": dig(run, "head_sha"),
                "head_branch": dig(run, "head_branch"),
                "event": dig(run, "event"),
                "run_number": dig(run, "run_number"),
                "run_attempt": dig(run, "run_attempt"),
                "conclusion": conclusion,
                "run_started_at": dig(run, "run_started_at"),
                "actor": dig(run, "actor", "login"),
            }
        },
    )


def _workflow_job(out: Normalised, payload: Payload) -> None:
    job = payload.get("workflow_job")
    name = {"in_progress": "started", "completed": "finished"}.get(str(payload.get("action")))
    if isinstance(job, dict) and name:
        steps = [text(step.get("name")) for step in objects(job.get("steps")) if step.get("conclusion") == "failure"]
        extra = {"labels": texts(job.get("labels")), "runner_name": job.get("runner_name"), "failed_steps": steps}
        _task(out, payload, job, name, run=text(job.get("run_id")), extra={"kind": "workflow_job", **extra})


def _check_run(out: Normalised, payload: Payload) -> None:
    check = payload.get("check_run")
    status = text(dig(check, "status"))
    name = {"in_progress": "started", "completed": "finished"}.get(status or "")
    if isinstance(check, dict) and name and payload.get("action") in ("created", "completed"):
        extra = {"kind": "check_run", "app": dig(check, "app", "slug") or dig(check, "app", "name")}
        _task(out, payload, check, name, run=text(dig(check, "check_suite", "id")), extra=extra)


def _task(
    out: Normalised, payload: Payload, task: Payload, name: str, *, run: str | None, extra: Mapping[str, Any]
) -> None:
    repository, subject = _repository(payload), text(task.get("id"))
    if repository is None or subject is None:
        return
    conclusion = text(task.get("conclusion"))
    content: dict[str, Any] = {
        "taskName": text(task.get("name")),
        "uri": uri(task.get("html_url")),
        "pipelineRun": {"id": run, "source": repository.source} if run else None,
    }
    if name == "finished":
        content["outcome"] = _OUTCOMES.get(conclusion or "", "error")
    out.cdevent(
        f"taskrun.{name}",
        source=repository.source,
        subject_id=subject,
        content=content,
        time=moment(task.get("completed_at" if name == "finished" else "started_at")),
        custom_data={
            "task": {
                "repository": repository.full_name,
                "head_sha": task.get("head_sha"),
                "conclusion": conclusion,
                "started_at": task.get("started_at"),
                "completed_at": task.get("completed_at"),
                **extra,
            }
        },
    )


def _package(repository: Repository, version: str) -> str:
    """Package URL: https://github.com/package-url/purl-spec, type ``github``."""
    return f"pkg:github/{repository.full_name.lower()}@{version}"


def _release(out: Normalised, payload: Payload) -> None:
    repository, tag = _repository(payload), text(dig(payload, "release", "tag_name"))
    if payload.get("action") != "published" or repository is None or tag is None:
        return
    release = payload["release"]
    out.cdevent(
        "artifact.published",
        source=repository.source,
        subject_id=_package(repository, tag),
        content={"user": text(dig(release, "author", "login"))},
        time=moment(release.get("published_at")),
        custom_data={
            "release": {
                "repository": repository.full_name,
                "tag": tag,
                "name": release.get("name"),
                "prerelease": release.get("prerelease"),
                "web_url": release.get("html_url"),
                "body": (text(release.get("body")) or "")[:20_000],
                "assets": [
                    {"name": asset.get("name"), "size": asset.get("size"), "url": asset.get("browser_download_url")}
                    for asset in objects(release.get("assets"))[:200]
                ],
            }
        },
    )


def _deployment_status(out: Normalised, payload: Payload) -> None:
    repository = _repository(payload)
    sha, environment = text(dig(payload, "deployment", "sha")), text(dig(payload, "deployment_status", "environment"))
    if dig(payload, "deployment_status", "state") != "success" or not (repository and sha and environment):
        return
    out.cdevent(
        "service.deployed",
        source=repository.source,
        subject_id=repository.full_name,
        content={"environment": {"id": environment}, "artifactId": _package(repository, sha)},
        time=moment(dig(payload, "deployment_status", "created_at")),
        custom_data={
            "deployment": {
                "id": dig(payload, "deployment", "id"),
                "repository": repository.full_name,
                "sha": sha,
                "ref": dig(payload, "deployment", "ref"),
                "environment": environment,
                "creator": dig(payload, "deployment_status", "creator", "login"),
                "web_url": dig(payload, "deployment_status", "target_url"),
            }
        },
    )


def _repository_event(out: Normalised, payload: Payload) -> None:
    repository = _repository(payload)
    if repository is None:
        return
    action = payload.get("action")
    name = f"repository.{action}" if action in ("created", "deleted") else "repository.modified"
    out.cdevent(
        name,
        source=repository.source,
        subject_id=repository.full_name,
        content={
            "name": text(dig(payload, "repository", "name")) or repository.full_name,
            "owner": text(dig(payload, "repository", "owner", "login")),
            "uri": uri(repository.clone_url) or repository.source,
            "viewUrl": repository.source,
        },
        time=moment(dig(payload, "repository", "updated_at")),
        custom_data={"repository": {"action": action, "full_name": repository.full_name}},
    )


def _issues(out: Normalised, payload: Payload) -> None:
    issue, repository = payload.get("issue"), _repository(payload)
    number, link = text(dig(issue, "number")), uri(dig(issue, "html_url"))
    if not isinstance(issue, dict) or repository is None or number is None or link is None:
        return
    name = {"opened": "created", "closed": "closed"}.get(str(payload.get("action")), "updated")
    content: dict[str, Any] = {
        "summary": text(issue.get("title")) or "",
        "creator": text(dig(issue, "user", "login")) or "unknown",
        "assignees": [login for item in objects(issue.get("assignees")) if (login := text(item.get("login")))],
        "labels": [label for item in objects(issue.get("labels")) if (label := text(item.get("name")))],
        "milestone": text(dig(issue, "milestone", "title")),
        "uri": link,
    }
    if name == "closed":
        content["resolution"] = "withdrawn" if issue.get("state_reason") == "not_planned" else "completed"
    out.cdevent(
        f"ticket.{name}",
        source=repository.source,
        subject_id=number,
        content=content,
        time=moment(issue.get("updated_at")),
        custom_data={"issue": {"repository": repository.full_name, "action": payload.get("action")}},
    )


_MAPPINGS: Mapping[str, Callable[[Normalised, Payload], None]] = {
    "push": _push,
    "pull_request": _pull_request,
    "pull_request_review": _review,
    "workflow_run": _workflow_run,
    "workflow_job": _workflow_job,
    "check_run": _check_run,
    "release": _release,
    "deployment_status": _deployment_status,
    "repository": _repository_event,
    "issues": _issues,
}
"""What has a word in CDEvents; a mapping that adds nothing leaves the payload as a generic event."""
