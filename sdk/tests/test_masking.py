"""Secrets do not get through, in whatever coat."""

import base64
import json
import re
from urllib.parse import quote, quote_plus

from hypothesis import example, given
from hypothesis import strategies as st

from opsrail_sdk.masking import MASK, MaskedStream, Masker, everywhere, mask_log

SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8, max_size=40)


def masker(*secrets: str) -> Masker:
    made = Masker()
    made.add(secrets)
    made.pattern()
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


@example("000000\x850", b"", b"")
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


@given(SECRETS)
def test_forms_of_other_writers_are_masked(secret: str) -> None:
    mask = masker(secret)
    for form in (
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(secret)[1:-1])[1:-1],
        re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="")),
        json.dumps(secret)[1:-1].replace("/", r"\/"),
    ):
        assert form not in mask.text(f"x{form}x")


@given(st.lists(SECRETS, min_size=1, max_size=20), st.text(max_size=20))
def test_many_secrets_are_found_as_one_alone_would_be(secrets: list[str], between: str) -> None:
    masked = masker(*secrets).text(between.join(secrets))
    assert not any(secret in masked for secret in secrets)


@given(
    st.lists(SECRETS, min_size=1, max_size=3),
    st.lists(st.text("ab \n", max_size=12), min_size=1, max_size=6),
    st.integers(1, 30),
)
def test_pieces_are_masked_as_the_whole_is(secrets: list[str], between: list[str], size: int) -> None:
    mask = masker(*secrets)
    whole = "".join(part + secrets[n % len(secrets)] for n, part in enumerate(between))
    stream = MaskedStream(mask)
    shown = [stream.feed(whole[at : at + size]) for at in range(0, len(whole), size)]
    assert "".join([*shown, stream.close()]) == mask.text(whole)


def test_a_whole_line_is_shown_at_once() -> None:
    stream = MaskedStream(masker("a secret of some length"))
    assert stream.feed("first line\nsecond") == "first line\n"
    assert stream.close() == "second"


def test_the_oldest_are_forgotten_where_there_is_a_limit() -> None:
    mask = Masker(most=2)
    mask.add(["secret-one", "secret-two"])
    mask.add(["secret-one"])
    mask.add(["secret-three"])
    assert mask.text("secret-one secret-two secret-three") == f"{MASK} secret-two {MASK}"


def test_the_process_log_hides_what_the_process_has_opened() -> None:
    everywhere.add(["opened-by-the-process"])
    fields = mask_log(
        None, "info", {"event": "x", "error": "opened-by-the-process", "nested": ["opened-by-the-process"]}
    )
    assert fields == {"event": "x", "error": MASK, "nested": [MASK]}


@given(st.lists(SECRETS, min_size=1, max_size=5), st.text(max_size=20))
def test_before_a_pattern_is_made_the_same_is_masked(secrets: list[str], between: str) -> None:
    fresh = Masker()
    fresh.add(secrets)
    text = between.join(base64.b64encode(secret.encode()).decode() + secret for secret in secrets)
    masked = fresh.text(text)
    assert not any(secret in masked for secret in secrets)
    assert MASK in masked
