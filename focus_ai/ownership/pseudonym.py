"""Pseudonyms for ids of people.

A pseudonym is `usr_` and the first 20 hexadecimal digits of HMAC-SHA256 over the id, keyed by the environment
variable FOCUS_AI_USER_KEY: the same person gets the same pseudonym in every run with the same key, and without the
key nobody can try addresses out. E-mail addresses are compared without regard to case. Without a key an id that
looks like an e-mail address becomes `user-redacted`; there is no unkeyed hash.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import unicodedata
from collections.abc import Mapping

from ..errors import UsageError
from ..settings import Settings

KEY_VARIABLE = "FOCUS_AI_USER_KEY"
REDACTED = "user-redacted"
MIN_KEY_LENGTH = 16
_SCOPE = b"focus-ai:user:1\x00"
_EMAIL = re.compile(r"(?<=[^\s@<>(),;:\"'])(?:@|%40)[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}", re.IGNORECASE)


def looks_like_email(value: str) -> bool:
    """Whether an e-mail address stands anywhere in the text (also `mailto:`, `Name <a@b.example>`, `%40`)."""
    return ("@" in value or "%40" in value) and _EMAIL.search(value) is not None


class Pseudonyms:
    """Applies one policy (`auto`, `keep`, `hash`, `drop`) to ids of people; holds no state but the key."""

    def __init__(self, policy: str = "auto", key: str | None = None) -> None:
        if key is not None and len(key) < MIN_KEY_LENGTH:
            raise UsageError(
                "the key of user pseudonyms is too short",
                where=f"environment variable {KEY_VARIABLE}",
                expected=f"at least {MIN_KEY_LENGTH} characters, best random ones",
            )
        if policy == "hash" and key is None:
            raise UsageError(
                'privacy.user_ids = "hash" needs a key',
                where=f"environment variable {KEY_VARIABLE}",
                expected=f"at least {MIN_KEY_LENGTH} characters",
                next_step=f"set {KEY_VARIABLE}, or choose auto, keep or drop",
            )
        self.policy = policy
        self._key = None if key is None else key.encode("utf-8")

    @classmethod
    def from_settings(cls, settings: Settings, environ: Mapping[str, str] | None = None) -> Pseudonyms:
        """Policy from `privacy.user_ids`, key from the environment. Raises `UsageError` for a missing or short key."""
        return cls(settings.privacy.user_ids, (os.environ if environ is None else environ).get(KEY_VARIABLE) or None)

    def __repr__(self) -> str:
        return f"Pseudonyms(policy={self.policy!r}, key={'set' if self._key else 'not set'})"

    def one(self, value: str) -> str | None:
        """What is written for one user id; `None` = nothing."""
        if self.policy == "drop":
            return None
        if self.policy == "keep" or (self.policy == "auto" and not looks_like_email(value)):
            return value
        return self._hide(value)

    def text(self, value: str) -> str | None:
        """The same for a text that may or may not be the id of a person: only e-mail addresses are touched."""
        return self.one(value) if looks_like_email(value) else value

    def _hide(self, value: str) -> str:
        if self._key is None:
            return REDACTED
        text = value.strip()
        if looks_like_email(text):
            text = unicodedata.normalize("NFKC", text).casefold()
        digest = hmac.new(self._key, _SCOPE + text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"usr_{digest[:20]}"
