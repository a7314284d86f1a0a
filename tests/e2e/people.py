"""People with local accounts, who work in a browser and by the API."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from opsrail.testing.stack import PATIENCE_SECONDS, Stack

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Person:
    """A member with a local account, who can log in by a browser and by the API."""

    stack: Stack
    email: str
    name: str

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """Logged in, with the session's cookie and CSRF token."""
        with httpx.Client(base_url=self.stack.url, timeout=PATIENCE_SECONDS) as client:
            answer = client.post("/v1/login", json={"email": self.email, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
            yield client

    def sign_in(self, page: Page, heading: str = "Overview") -> None:
        """Fill in the login page; it leads to the page that was asked for, which has this heading."""
        page.get_by_label("E-mail").fill(self.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()

    def asks(self, repository: str, *, environment: str = "production") -> dict[str, Any]:
        """Dispatch a pipeline run; by default it needs approval."""
        with self.client() as client:
            wish = {
                "intent": "ci.run_pipeline",
                "input": {
                    "repository": repository,
                    "clone_url": f"https://git.invalid/{repository}.git",
                    "ref": "refs/heads/main",
                    "commit": "4b" * 20,
                },
                "context": {"environment": environment, "blast_radius": 3},
            }
            answer = client.post("/v1/dispatch", json=wish)
        found: dict[str, Any] = answer.json()
        return found

    def joins(self, client: httpx.Client, *roles: str) -> None:
        """Take up an invitation to the organisation of ``client``."""
        invited = client.post("/v1/invitations", json={"email": self.email, "roles": roles})
        assert invited.status_code == 201, invited.text
        accepted = httpx.post(
            f"{self.stack.url}/v1/invitations/accept",
            json={"token": invited.json()["token"], "password": PASSWORD, "name": self.name},
            timeout=PATIENCE_SECONDS,
        )
        assert accepted.status_code == 200, accepted.text


def member(stack: Stack, name: str, *roles: str) -> Person:
    """Somebody new in the first organisation."""
    person = Person(stack, f"{name.lower()}-{uuid.uuid4().hex[:8]}@example.org", name)
    with stack.client() as client:
        person.joins(client, *roles)
    return person
