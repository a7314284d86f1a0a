"""Proofs of senders, against vectors computed by hand or published."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsrail.hooks.signatures import TOLERANCE, Verdict, standard_signature, verify

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECRET = b"It's a Secret to Everybody"
BODY = b"Hello, World!"
PUBLISHED = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
"""GitHub's own example for this secret and body."""

KINDS = ("github", "gitlab", "jenkins", "alertmanager", "grafana", "datadog", "cloudwatch", "cloudevents", "anything")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_takes_githubs_published_example(kind: str) -> None:
    assert verify(kind, {"x-hub-signature-256": PUBLISHED}, BODY, SECRET, now=NOW) is Verdict.PROVEN


@pytest.mark.parametrize("kind", KINDS)
def test_no_proof_is_missing_and_a_wrong_one_is_wrong(kind: str) -> None:
    assert verify(kind, {}, BODY, SECRET, now=NOW) is Verdict.MISSING
    assert verify(kind, {"x-hub-signature-256": PUBLISHED}, BODY + b" ", SECRET, now=NOW) is Verdict.WRONG
    assert verify(kind, {"x-hub-signature-256": "sha256="}, BODY, SECRET, now=NOW) is Verdict.WRONG
    assert verify(kind, {"x-hub-signature-256": "sha256=\xff\udcff"}, BODY, SECRET, now=NOW) is Verdict.WRONG


def test_a_proof_of_another_kind_counts_for_nothing() -> None:
    assert verify("github", {"x-gitlab-token": SECRET.decode()}, BODY, SECRET, now=NOW) is Verdict.MISSING
    bearer = {"authorization": f"Bearer {SECRET.decode()}"}
    assert verify("github", bearer, BODY, SECRET, now=NOW) is Verdict.MISSING


def test_gitlab_token() -> None:
    assert verify("gitlab", {"x-gitlab-token": SECRET.decode()}, BODY, SECRET, now=NOW) is Verdict.PROVEN
    assert verify("gitlab", {"x-gitlab-token": "guess"}, BODY, SECRET, now=NOW) is Verdict.WRONG
    assert verify("gitlab", {"x-gitlab-token": ""}, BODY, SECRET, now=NOW) is Verdict.WRONG


def _standard_headers(secret: bytes, *, at: datetime, body: bytes = BODY, extra: str = "") -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    signature = standard_signature("msg_1", stamp, body, secret)
    return {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": f"{extra}{signature}"}


def test_standard_webhooks_form_by_hand() -> None:
    key = b"0123456789abcdef0123456789abcdef"
    secret = b"whsec_" + base64.b64encode(key)
    stamp = str(int(NOW.timestamp()))
    digest = hmac.new(key, f"msg_1.{stamp}.".encode() + BODY, hashlib.sha256).digest()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": "v1,bm90IHRoaXM= v1," + base64.b64encode(digest).decode(),
    }
    assert verify("gitlab", headers, BODY, secret, now=NOW) is Verdict.PROVEN
    assert verify("cloudevents", headers, BODY, secret, now=NOW) is Verdict.PROVEN
    assert verify("gitlab", headers | {"webhook-id": "msg_2"}, BODY, secret, now=NOW) is Verdict.WRONG
    assert verify("gitlab", headers, BODY + b"x", secret, now=NOW) is Verdict.WRONG


@pytest.mark.parametrize("off", [TOLERANCE + timedelta(seconds=1), -TOLERANCE - timedelta(seconds=1)])
def test_a_signed_delivery_goes_stale_on_both_sides(off: timedelta) -> None:
    assert verify("gitlab", _standard_headers(SECRET, at=NOW + off), BODY, SECRET, now=NOW) is Verdict.STALE
    inside = off - timedelta(seconds=2) if off > timedelta(0) else off + timedelta(seconds=2)
    assert verify("gitlab", _standard_headers(SECRET, at=NOW + inside), BODY, SECRET, now=NOW) is Verdict.PROVEN


def test_a_forged_timestamp_is_wrong_rather_than_stale() -> None:
    headers = _standard_headers(SECRET, at=NOW - timedelta(days=1)) | {"webhook-timestamp": str(int(NOW.timestamp()))}
    assert verify("gitlab", headers, BODY, SECRET, now=NOW) is Verdict.WRONG


@pytest.mark.parametrize("stamp", ["", "soon", "9" * 40, "-1e9"])
def test_a_timestamp_that_is_none_is_stale_even_when_signed(stamp: str) -> None:
    signature = standard_signature("msg_1", stamp, BODY, SECRET)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature}
    assert verify("gitlab", headers, BODY, SECRET, now=NOW) is Verdict.STALE


@pytest.mark.parametrize("kind", ["jenkins", "alertmanager", "grafana", "datadog", "cloudwatch", "cloudevents"])
def test_bearer_and_basic(kind: str) -> None:
    basic = base64.b64encode(b"anyone:" + SECRET).decode()
    for good in (f"Bearer {SECRET.decode()}", f"bearer {SECRET.decode()}", f"Basic {basic}"):
        assert verify(kind, {"authorization": good}, BODY, SECRET, now=NOW) is Verdict.PROVEN
    for wrong in ("Bearer x", "Basic !!!", "Basic " + base64.b64encode(SECRET).decode(), "Bearer "):
        assert verify(kind, {"authorization": wrong}, BODY, SECRET, now=NOW) is Verdict.WRONG
    assert verify(kind, {"authorization": "Digest x"}, BODY, SECRET, now=NOW) is Verdict.MISSING


def test_one_good_proof_beside_a_bad_one_is_enough() -> None:
    headers = {"x-gitlab-token": "old", "x-hub-signature-256": PUBLISHED}
    assert verify("gitlab", headers, BODY, SECRET, now=NOW) is Verdict.PROVEN


@given(
    st.sampled_from(KINDS),
    st.dictionaries(
        st.sampled_from(
            [
                "x-hub-signature-256", "x-gitlab-token", "authorization", "webhook-id", "webhook-timestamp",
                "webhook-signature", "x-jenkins-token",
            ]
        ),
        st.text(max_size=60),
    ),
    st.binary(max_size=60),
)  # fmt: skip
def test_guesses_never_pass_and_never_crash(kind: str, headers: dict[str, str], body: bytes) -> None:
    assert verify(kind, headers, body, b"a secret nobody guesses", now=NOW) is not Verdict.PROVEN
