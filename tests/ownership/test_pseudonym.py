"""Pseudonyms: policies, keys, what looks like an e-mail address, nothing in clear."""

from __future__ import annotations

import hashlib
import hmac
import time

import duckdb
import pytest

from focus_ai.errors import UsageError
from focus_ai.ownership import Pseudonyms, looks_like_email
from focus_ai.ownership.raw_texts import raw_text, raw_text_sql
from focus_ai.settings import Settings

KEY = "an-example-key-of-32-characters!"
ANA = "ana@example.com"


@pytest.mark.parametrize(
    "text",
    [ANA, "ANA@EXAMPLE.COM", "mailto:ana@example.com", "Ana <ana@example.com>", "user:ana.b+c@mail.example.co.uk",
     "ana%40example.com", "bot@project.iam.gserviceaccount.example", "änä@exämple.de", "role/session/ana@example.com"],
)  # fmt: skip
def test_addresses(text: str) -> None:
    assert looks_like_email(text)


@pytest.mark.parametrize(
    "text", ["u-77", "ana", "@handle", "a@b", "x @example.com", "model@2026.01", "", "user@host:22"]
)
def test_no_addresses(text: str) -> None:
    assert not looks_like_email(text)


RAW = {
    '{"user":"ana.b@example.com","n":1}': '{"user":"user-redacted","n":1}',
    '"ana%40example.com", "ana\\u0040example.com"': '"user-redacted", "user-redacted"',
    "mailto:ana@example.com Ana <än@exämple.de>": "mailto:user-redacted Ana <user-redacted>",
    "u=a@b.co&v=c@d.co\nbroken": "u=user-redacted&v=user-redacted\nbroken",
    "model@2026.01 @handle user@host:22": "model@2026.01 @handle user@host:22",
}


def test_addresses_in_the_texts_of_records() -> None:
    """The two ways, one by one and in the engine, write the same."""
    assert {text: raw_text("auto", text) for text in RAW} == RAW
    with duckdb.connect() as engine:
        for text, wanted in RAW.items():
            assert engine.execute(f"SELECT {raw_text_sql('auto', 't')} FROM (SELECT ? AS t)", [text]).fetchone() == (
                wanted,
            )
    text = next(iter(RAW))
    assert (raw_text("keep", text), raw_text("hash", text), raw_text("drop", text)) == (text, None, None)


@pytest.mark.parametrize("text", ["k" * 10**6 + "@", "@" * 10**6, "k@ " * 300_000, ("k" * 300 + "@a.co ") * 3000])
def test_long_texts_take_no_time(text: str) -> None:
    begun = time.process_time()
    raw_text("auto", text)
    assert time.process_time() - begun < 2


def test_known_value() -> None:
    digest = hmac.new(KEY.encode(), b"focus-ai:user:1\x00ana@example.com", hashlib.sha256).hexdigest()
    assert Pseudonyms("auto", KEY).one(ANA) == f"usr_{digest[:20]}"


def test_policies() -> None:
    values = [ANA, "Ana@Example.com ", "u-77"]

    def shown(policy: str, key: str | None = None) -> list[str | None]:
        return [Pseudonyms(policy, key).one(value) for value in values]

    ana, same, plain = shown("auto", KEY)
    assert plain == "u-77"
    assert ana == same != ANA
    assert shown("auto") == ["user-redacted", "user-redacted", "u-77"]
    assert shown("keep") == values
    assert shown("drop") == [None, None, None]
    hashed = shown("hash", KEY)
    assert all(text is not None and len(text) == 24 and text.startswith("usr_") for text in hashed)
    assert hashed[2] != shown("hash", KEY[::-1])[2]
    assert Pseudonyms("hash", KEY).text("plain words") == "plain words"


def test_key_comes_from_the_environment_and_is_never_shown() -> None:
    settings = Settings.from_dict({"privacy": {"user_ids": "hash"}})
    made = Pseudonyms.from_settings(settings, {"FOCUS_AI_USER_KEY": KEY})
    assert made.one("x") == Pseudonyms("hash", KEY).one("x")
    assert KEY not in repr(made)
    for environ in ({}, {"FOCUS_AI_USER_KEY": ""}):
        with pytest.raises(UsageError, match="FOCUS_AI_USER_KEY"):
            Pseudonyms.from_settings(settings, environ)
    with pytest.raises(UsageError) as caught:
        Pseudonyms.from_settings(settings, {"FOCUS_AI_USER_KEY": "zq81short"})
    assert "zq81short" not in str(caught.value)


def test_long_hostile_text_is_quick() -> None:
    start = time.process_time()
    for text in ("a" * 1_000_000 + "@", "@" * 200_000, "x@" + "a." * 200_000, "x@" * 100_000):
        looks_like_email(text)
    assert time.process_time() - start < 3
