"""Model names: unknown ones, names that float, names whose meaning changed, one name behind several sellers."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from focus_ai.audit.cube import Cube
from focus_ai.audit.finding import ERROR, INFO, WARNING, Finding, cut, total_of
from focus_ai.audit.inputs import Opened
from focus_ai.audit.prices import cost
from focus_ai.money import text

# The name a caller used, and what answered (or was configured to answer).
_ASKED = "coalesce(w.model_requested, w.model_alias)"
_SERVED = "coalesce(w.model_served, w.model_deployment)"
_LATEST = "regexp_matches(lower({}), '(^|[-_/:@.])latest($|[-_/:@.])')"


def find(audit: Opened, cube: Cube, top: int) -> Iterator[Finding]:
    """Findings on model names."""
    yield from _unpriced(audit, top)
    yield from _drift(audit, cube, top)
    yield from _floating(audit, top)
    yield from _undated(audit, top)
    yield from _mixed(audit, top)
    yield from _unnamed(audit, top)


def _unpriced(audit: Opened, top: int) -> Iterator[Finding]:
    rows = audit.session.dicts(
        "SELECT c.provider, c.model, c.reason, sum(c.events)::BIGINT AS events, "
        "sum(c.unpriced_quantity)::BIGINT AS tokens, sum(c.reported_cost) AS reported_cost FROM cube c "
        "WHERE c.unpriced_quantity > 0 GROUP BY ALL ORDER BY tokens DESC, 1, 2, 3",
    )
    if rows:
        reported = total_of(rows, "reported_cost")
        yield Finding(
            "model.unpriced", ERROR, "models or conditions without a price",
            "usage without a price is in no cost; what the gateway reported for it is the only size known",
            "name the price in a rate file ([rates] files), or map the alias; see `focus-ai rates explain`",
            sum(row["events"] for row in rows), sum(row["tokens"] for row in rows), reported or None,
            "cost reported by the gateway for it" if reported else None, cut(rows, top),
        )  # fmt: skip


def _drift(audit: Opened, cube: Cube, top: int) -> Iterator[Finding]:
    """One asked name, several answering models over time; `extra_cost` is against the model that answered first."""
    grouped = {name: f"a.q_{name}" for name in cube.meters}
    sums = "".join(f", sum(c.q_{name}) AS q_{name}" for name in cube.meters)
    rows = audit.session.dicts(
        f"""WITH answers AS (
          SELECT c.provider, {_ASKED} AS name, c.model, min({_SERVED}) AS served,
                 arg_max(c.price_set, c.events) AS price_set,
                 min(c.day) AS first_at, max(c.day) AS last_at, sum(c.events)::BIGINT AS events,
                 sum(c.cost) AS cost{sums}
          FROM cube c JOIN profiles w USING (profile_hash)
          WHERE {_ASKED} IS NOT NULL AND {_SERVED} IS NOT NULL AND c.model IS NOT NULL
            AND c.attempt_kind IS DISTINCT FROM 'fallback' AND c.served_from = 'provider' GROUP BY 1, 2, 3),
        names AS (SELECT provider, name, arg_min(price_set, (first_at, model)) AS first_set,
                         arg_min(model, (first_at, model)) AS first_model
                  FROM answers GROUP BY ALL HAVING count(*) > 1)
        SELECT a.provider, a.name, a.model, strftime(a.first_at, '%Y-%m-%d') AS first_day,
               strftime(a.last_at, '%Y-%m-%d') AS last_day, a.events, a.cost,
               CASE WHEN a.model <> n.first_model
                    THEN a.cost - CAST({cost(grouped)} AS DECIMAL(38, 18)) END AS extra_cost
        FROM answers a JOIN names n USING (provider, name) JOIN price_sets p ON p.price_set = n.first_set
        ORDER BY a.provider, a.name, a.first_at, a.model""",
    )
    if rows:
        changed = [row for row in rows if row["extra_cost"] is not None]
        extra = total_of(changed, "extra_cost")
        yield Finding(
            "model.alias_drift", WARNING, "names whose served model changed",
            f"the same name was answered by different models; against the first one the change cost {_signed(extra)}",
            "pin dated model names, or date the alias in a rate file so that each day has its own price",
            sum(row["events"] for row in changed), None, total_of(changed, "cost"),
            "spend on models that the name did not mean at first", cut(rows, max(top, 2)),
        )  # fmt: skip


def _signed(amount: Decimal) -> str:
    return text(amount) if amount < 0 else f"+{text(amount)}"


def _floating(audit: Opened, top: int) -> Iterator[Finding]:
    latest = " OR ".join(_LATEST.format(f"coalesce(w.{n}, '')") for n in (
        "model_requested", "model_alias", "model_deployment", "model_served"
    ))  # fmt: skip
    rows = audit.session.dicts(
        f"SELECT c.provider, coalesce({_ASKED}, {_SERVED}) AS name, c.model, sum(c.events)::BIGINT AS events, "
        "sum(c.tokens)::BIGINT AS tokens, sum(c.cost) AS cost FROM cube c JOIN profiles w USING (profile_hash) "
        f"WHERE {latest} GROUP BY ALL ORDER BY cost DESC, 1, 2",
    )
    if rows:
        yield Finding(
            "model.floating_name", WARNING, "names like `-latest` that mean another model tomorrow",
            "the provider may point such a name to a dearer model on any day",
            "ask for a dated model name, and log the model that answered", sum(row["events"] for row in rows),
            sum(row["tokens"] for row in rows), total_of(rows, "cost"), "spend concerned", cut(rows, top),
        )  # fmt: skip


def _undated(audit: Opened, top: int) -> Iterator[Finding]:
    rows = audit.session.dicts(
        f"SELECT c.provider, coalesce({_ASKED}, {_SERVED}) AS name, c.model, a AS assumption, "
        "sum(c.events)::BIGINT AS events, sum(c.tokens)::BIGINT AS tokens, sum(c.cost) AS cost FROM "
        "(SELECT *, unnest(string_split(assumptions, ',')) AS a FROM cube WHERE assumptions IS NOT NULL) c "
        "JOIN profiles w USING (profile_hash) WHERE a IN ('alias_undated', 'alias_imported', 'model_name_fallback') "
        "GROUP BY ALL ORDER BY cost DESC, 1, 2, 4",
    )
    if rows:
        yield Finding(
            "model.alias_undated", INFO, "names that were priced by an alias or a pattern without dates",
            "the price is right only as long as the name means what it means today",
            "date the alias in a rate file, or log the dated model that answered",
            sum(row["events"] for row in rows), sum(row["tokens"] for row in rows), total_of(rows, "cost"),
            "spend concerned", cut(rows, top),
        )  # fmt: skip


def _mixed(audit: Opened, top: int) -> Iterator[Finding]:
    rows = audit.session.dicts(
        f"""WITH sold AS (SELECT {_ASKED} AS name, c.provider, sum(c.events)::BIGINT AS events, sum(c.cost) AS cost
             FROM cube c JOIN profiles w USING (profile_hash)
             WHERE {_ASKED} IS NOT NULL AND c.served_from = 'provider' GROUP BY ALL),
           many AS (SELECT name FROM sold GROUP BY name HAVING count(DISTINCT provider) > 1)
        SELECT name, provider, events, cost FROM sold SEMI JOIN many USING (name) ORDER BY name, cost DESC, provider""",
    )
    if rows:
        yield Finding(
            "model.mixed_providers", INFO, "one name answered by several providers",
            "each provider has its own price and its own bill; the name alone does not say who charged",
            "keep the provider in the log and reconcile each provider apart", sum(row["events"] for row in rows), None,
            total_of(rows, "cost"), "spend concerned", cut(rows, max(top, 2)),
        )  # fmt: skip


def _unnamed(audit: Opened, top: int) -> Iterator[Finding]:
    """The log says what was asked for, not what answered."""
    rows = audit.session.dicts(
        "SELECT c.adapter, c.model, sum(c.events)::BIGINT AS events, sum(c.tokens)::BIGINT AS tokens, "
        "sum(c.cost) AS cost FROM cube c JOIN profiles w USING (profile_hash) WHERE w.model_served IS NULL "
        "AND c.served_from = 'provider' AND c.tokens > 0 GROUP BY ALL ORDER BY cost DESC, 1, 2",
    )
    if rows:
        yield Finding(
            "model.served_unknown", INFO, "the model that answered is not in the log",
            "prices follow the configured or requested name, so a silent change of the model stays unseen",
            "log the model of the response", sum(row["events"] for row in rows),
            sum(row["tokens"] for row in rows), total_of(rows, "cost"), "spend concerned", cut(rows, top),
        )  # fmt: skip
