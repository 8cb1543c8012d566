"""The policy of a gateway: is a call allowed, and if not, which rule refuses it and how hard.

    policy = load("policy.yaml")                  # once
    decision = check(event, policy)               # per call, a few microseconds
    if not decision.allowed: ...

An event is a mapping with the field names of the generic event (`focus-ai schema event`): team, product, feature,
environment, cost_center, business_unit, provider, model, request_source, and service_name, api_key_name or api_key_id.
Whether the rate card prices a model is asked once per provider and model and then remembered. The same function judges
the calls of a log in `focus-ai audit --policy`. Nothing heavy is imported by this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import translate
from pathlib import Path
from re import IGNORECASE, Pattern
from re import compile as regex
from typing import Any

from focus_ai.errors import UsageError
from focus_ai.money import dec, text

HARD, SOFT = "hard", "soft"
UNATTRIBUTED = "Unattributed"
ACCOUNT_FIELDS = ("service_name", "api_key_name", "api_key_id")
Priced = Callable[[str, str], bool]
"""(provider, model) -> whether the rate card has a price for its input or output tokens."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One broken rule: its name, hard or soft, and why in words."""

    rule: str
    mode: str
    why: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one call. `allowed` is false as soon as one hard rule is broken."""

    allowed: bool
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class Policy:
    """A compiled policy. Make it with `load` or `compile_policy`; it may be shared by threads."""

    required: tuple[str, ...] = ()
    required_mode: str = HARD
    accounts: Pattern[str] | None = None
    accounts_mode: str = HARD
    priced: Priced | None = None
    allow: Pattern[str] | None = None
    deny: Pattern[str] | None = None
    models_mode: str = HARD
    sources: Pattern[str] | None = None
    sources_mode: str = HARD
    budgets: Mapping[str, Decimal] = field(default_factory=dict)
    budgets_mode: str = HARD
    # A policy that asks for prices: filled with `priced` before the first check.
    wants_prices: bool = False

    def budget(self, team: str | None) -> Decimal | None:
        """The monthly budget of a team, if any."""
        own = self.budgets.get((team or UNATTRIBUTED).casefold())
        return self.budgets.get("default") if own is None else own


def check(event: Mapping[str, Any], policy: Policy, spent: Decimal | None = None) -> Decision:
    """Judge one call. `spent` is what its team has spent in this month so far; without it no budget is checked."""
    refusals: list[Refusal] = []
    if policy.required:
        missing = [name for name in policy.required if not event.get(name)]
        if missing:
            refusals.append(Refusal("tags", policy.required_mode, "without " + ", ".join(missing)))
    if policy.accounts is not None:
        names = [str(event[name]) for name in ACCOUNT_FIELDS if event.get(name)]
        if not any(policy.accounts.match(name) for name in names):
            why = f"{names[0]} is not on the list" if names else "no service account"
            refusals.append(Refusal("service_accounts", policy.accounts_mode, why))
    _check_model(event, policy, refusals)
    if policy.sources is not None:
        source = event.get("request_source")
        if not source or not policy.sources.match(str(source)):
            why = f"{source} is not an allowed source" if source else "no request source"
            refusals.append(Refusal("request_source", policy.sources_mode, why))
    if spent is not None and policy.budgets:
        limit = policy.budget(event.get("team"))
        if limit is not None and spent >= limit:
            why = f"the budget of {text(limit)} is used up"
            refusals.append(Refusal("budgets", policy.budgets_mode, why))
    return Decision(all(r.mode != HARD for r in refusals), tuple(refusals))


def _check_model(event: Mapping[str, Any], policy: Policy, refusals: list[Refusal]) -> None:
    model = str(event.get("model") or "")
    if policy.deny is not None and policy.deny.match(model):
        refusals.append(Refusal("models.deny", policy.models_mode, f"{model} is denied"))
    if policy.allow is not None and not policy.allow.match(model):
        refusals.append(Refusal("models.allow", policy.models_mode, f"{model or 'no model'} is not on the list"))
    if policy.priced is not None and not policy.priced(str(event.get("provider") or ""), model):
        why = f"the rate card has no price for {model or 'a call without a model'}"
        refusals.append(Refusal("models.priced", policy.models_mode, why))


def load(path: str | Path, priced: Priced | None = None) -> Policy:
    """Read and compile a policy file (YAML or JSON, schemas/policy.schema.json).

    `priced` answers whether a model has a price; by default the shipped rate card is asked when the policy wants it.
    Raises `UsageError` naming the place in the file.
    """
    import yaml

    from focus_ai.resources import load_yaml

    where = str(path)
    try:
        data = load_yaml(Path(path))
    except FileNotFoundError:
        raise UsageError("policy file not found", where=where) from None
    except (OSError, UnicodeDecodeError):
        raise UsageError("the policy file cannot be read", where=where, expected="UTF-8 text") from None
    except yaml.YAMLError as problem:
        raise UsageError("the policy file is not valid YAML", where=where, value=str(problem).split("\n")[0]) from None
    return compile_policy(data, where=where, priced=priced)


def compile_policy(data: Any, *, where: str = "policy", priced: Priced | None = None) -> Policy:
    """Check `data` (shaped as the file) against the schema and compile it. Raises `UsageError`."""
    _validate(data, where)
    tags, models = data.get("tags", {}), data.get("models", {})
    accounts, sources = data.get("service_accounts", {}), data.get("request_source", {})
    budgets = data.get("budgets", {})
    wants = bool(models.get("priced"))
    return Policy(
        required=tuple(tags.get("required", ())),
        required_mode=tags.get("mode", HARD),
        accounts=_patterns(accounts.get("allow")),
        accounts_mode=accounts.get("mode", HARD),
        priced=(priced or card_prices()) if wants else None,
        allow=_patterns(models.get("allow")),
        deny=_patterns(models.get("deny")),
        models_mode=models.get("mode", HARD),
        sources=_patterns(sources.get("allow")),
        sources_mode=sources.get("mode", HARD),
        budgets={str(team).casefold(): dec(amount) for team, amount in budgets.get("monthly", {}).items()},
        budgets_mode=budgets.get("mode", HARD),
        wants_prices=wants,
    )


def card_prices() -> Priced:
    """Ask the shipped rate card; the answer for a provider and model is remembered."""
    from datetime import UTC, datetime
    from functools import lru_cache

    from focus_ai.pricing import Conditions, RateCard, lookup
    from focus_ai.pricing.rate_row import NoRate

    card, now = RateCard.load(), datetime.now(UTC)

    @lru_cache(maxsize=65536)
    def known(provider: str, model: str) -> bool:
        return any(
            not isinstance(lookup(card, provider, model, meter, now, Conditions()), NoRate)
            for meter in ("input", "output")
        )

    return known


def _patterns(names: list[str] | None) -> Pattern[str] | None:
    return None if names is None else regex("|".join(translate(name) for name in names), IGNORECASE)


def _validate(data: Any, where: str) -> None:
    import json

    from jsonschema import Draft202012Validator

    from focus_ai import resources

    schema = json.loads((resources.schemas() / "policy.schema.json").read_text(encoding="utf-8"))
    problems = sorted(Draft202012Validator(schema).iter_errors(data), key=lambda e: [str(part) for part in e.path])
    if problems:
        first = problems[0]
        place = ".".join(str(part) for part in first.absolute_path) or "the whole file"
        expected = str(first.schema.get("description", "")) if isinstance(first.schema, Mapping) else ""
        raise UsageError(
            "the policy has a wrong entry", where=f"{where}, {place}", value=first.message, expected=expected or None,
            next_step="see docs/audit.md for the entries of a policy",
        )  # fmt: skip
