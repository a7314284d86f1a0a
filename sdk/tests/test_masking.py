"""Secrets do not get through, in whatever coat."""

import base64
import json
from urllib.parse import quote, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from opsrail_sdk.masking import MASK, Masker

SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8, max_size=40)


def masker(*secrets: str) -> Masker:
    made = Masker()
    made.add(secrets)
    return made


@given(SECRETS, st.text(max_size=5), st.text(max_size=5))
def test_every_form_is_masked(secret: str, before: str, after: str) -> None:
    mask = masker(secret)
    for form in (
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        base64.b64encode(secret.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    ):
        assert form not in mask.text(f"{before}{form}{after}")


@given(SECRETS, st.binary(max_size=4), st.binary(max_size=4))
def test_base64_of_a_longer_text_gives_nothing_away(secret: str, before: bytes, after: bytes) -> None:
    text = base64.b64encode(before + secret.encode() + after).decode()
    masked = masker(secret).text(text)
    assert MASK in masked
    assert len(masked) - len(MASK) <= len(text) - len(secret.encode())


def test_lines_of_a_key_are_masked_one_by_one() -> None:
    key = "-----BEGIN-----\nabcdefgh\nijklmnop\n-----END-----"
    assert masker(key).text("x ijklmnop y") == f"x {MASK} y"


def test_short_values_do_not_blot_out_words() -> None:
    assert masker("", "a", "abc").text("a banana abc") == "a banana abc"


def test_longer_secrets_win_over_their_parts() -> None:
    assert masker("pass", "password1").text("password1!") == f"{MASK}!"


def test_nested_values_and_keys_are_masked() -> None:
    assert masker("hunter22").value({"hunter22": ["a hunter22", 1, None]}) == {MASK: [f"a {MASK}", 1, None]}
