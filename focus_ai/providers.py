"""The names of providers: every spelling that exports, owner maps and settings use -> one slug."""

from __future__ import annotations

from functools import cache

from focus_ai import resources


@cache
def _spellings() -> dict[str, str]:
    found = resources.load_yaml(resources.mappings() / "tables" / "providers.yaml")
    return {str(word): str(slug) for word, slug in found.items()}


def provider(word: str) -> str:
    """The slug for a spelling in any case. A word that no table knows may be a seller of your own; it is one in any
    case, too, and stands in small letters as in the records."""
    plain = word.strip().lower()
    return _spellings().get(plain, plain)


def known(slug: str) -> bool:
    """Whether a slug is one of the table's."""
    return slug in _spellings().values()


def scope(word: str) -> str:
    """The same for `provider/account`, of which only the first part is a provider's name."""
    name, slash, account = word.partition("/")
    return f"{provider(name)}{slash}{account}"
