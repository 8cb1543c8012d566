"""Counts and totals of a run, as the dictionary that becomes OUT/run.json (schema `focus-ai/run@1`).

Every amount is an exact text. The counts add up: read = events + billed lines + duplicates + rejected + ignored.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from focus_ai.adapters.staged import Staged
from focus_ai.engine import Session, ident, literal, literals
from focus_ai.errors import InternalError
from focus_ai.money import dec, text
from focus_ai.pipeline import Rated
from focus_ai.sinks.parquet import Written
from focus_ai.sources.digests import sha256

SCHEMA = "focus-ai/run@1"
_COSTS = ("list_cost", "contracted_cost", "effective_cost", "billed_cost")
_COLUMNS = ("ListCost", "ContractedCost", "EffectiveCost", "BilledCost")
_TOKENS = ("x_InputTokens", "x_CacheReadTokens", "x_CacheWriteTokens", "x_OutputTokens")


def records(session: Session, staged: Sequence[Staged], rated: Rated) -> dict[str, int]:
    """What became of every source record. Raises `InternalError` when the sum does not hold."""
    kinds = dict(session.rows("SELECT kind, count(*) FROM events GROUP BY kind"))
    found = {
        "read": sum(s.read for s in staged),
        "events": kinds.get("usage", 0),
        "billed_lines": kinds.get("billed", 0),
        "duplicates": rated.duplicates.total,
        "rejected": sum(rejected(staged, rated).values()),
        "ignored": sum(s.ignored for s in staged) + rated.duplicates.repeated_spans + rated.other_months,
    }
    if found["read"] != sum(v for k, v in found.items() if k != "read"):
        raise InternalError("the record counts do not add up", value=str(found), expected="read = sum of the rest")
    return found


def rejected(staged: Sequence[Staged], rated: Rated) -> dict[str, int]:
    """Records set aside by reason. What a whole file suffers is no record."""
    found = Counter(r.reason for s in staged for r in s.rejects if r.row is not None)
    found["conflicting_duplicate"] += rated.duplicates.conflicting
    return {reason: number for reason, number in sorted(found.items()) if number}


def token_counts(session: Session, rated: Rated, again: str) -> dict[str, int]:
    """Tokens of the events, by kind. Reasoning is part of output. `again`: SQL of usage that other usage tells of too;
    its tokens do not count twice."""
    groups = {
        "input": ["input_uncached_tokens", "input_audio_tokens", "input_image_tokens", "input_video_tokens",
                  "input_tool_use_tokens"],
        "cache_read": ["input_cache_read_tokens", "input_cache_read_audio_tokens", "input_cache_read_image_tokens"],
        **{f"cache_write_{t}": [f"input_cache_write_{t}_tokens"] for t in ("5m", "30m", "1h", "12h", "other")},
        "output": ["output_text_tokens", "output_reasoning_tokens", "output_audio_tokens", "output_image_tokens",
                   "output_video_tokens"],
        "reasoning": ["output_reasoning_tokens"],
    }  # fmt: skip
    sums = [
        " + ".join(f"coalesce(sum({ident(c)}), 0)" for c in columns if c in rated.present) or "0"
        for columns in groups.values()
    ]
    row = session.one(f"SELECT {', '.join(sums)}, count(*) FROM events WHERE kind = 'usage' AND NOT ({again})")[:-1]
    return {name: int(value) for name, value in zip(groups, row, strict=True)}


def data_relation(files: Sequence[Written]) -> str:
    """The rows of this run, read back from what was written."""
    if not files:
        return ""
    return f"read_parquet([{literals(str(f.path) for f in files)}], hive_partitioning=false)"


def create_totals(session: Session, rows: str) -> None:
    """The table `row_totals`: exact sums of the rows by period, currency, service, model, team and owner status."""
    sums = ", ".join(f"sum({c}) AS {n}" for c, n in zip(_COLUMNS, _COSTS, strict=True))
    # A charge for all tokens of a call has no column of one kind; its quantity counts them.
    told = " + ".join(f"coalesce({c}, 0)" for c in _TOKENS)
    whole = f"ConsumedUnit = 'Tokens' AND coalesce({', '.join(_TOKENS)}) IS NULL"
    tokens = f"sum({told}) + CAST(coalesce(sum(CASE WHEN {whole} THEN ConsumedQuantity END), 0) AS HUGEINT)"
    bases = ", ".join(f"bool_or(x_CostBasis = '{basis}') AS {basis}" for basis in ("rated", "billed"))
    keys = (
        "strftime(BillingPeriodStart, '%Y-%m') AS period, BillingCurrency AS currency, ServiceName AS by_provider, "
        "x_ModelId AS by_model, coalesce(x_Team, 'Unattributed') AS by_team, x_OwnerStatus AS status"
    )
    if not rows:
        session.sql(
            "CREATE TABLE row_totals (period VARCHAR, currency VARCHAR, by_provider VARCHAR, by_model VARCHAR, "
            "by_team VARCHAR, status VARCHAR, n BIGINT, tokens HUGEINT, list_cost DECIMAL(38, 18), "
            "contracted_cost DECIMAL(38, 18), effective_cost DECIMAL(38, 18), billed_cost DECIMAL(38, 18), "
            "rated BOOLEAN, billed BOOLEAN)"
        )
        return
    session.sql(
        f"CREATE TABLE row_totals AS SELECT {keys}, count(*) AS n, CAST({tokens} AS HUGEINT) AS tokens, {sums}, "
        f"{bases} FROM {rows} GROUP BY ALL"
    )


def money_totals(session: Session, period: str | None = None) -> dict[str, Any]:
    """Totals per currency and the breakdowns, of one billing period (YYYY-MM) or of the run."""
    relation = f"(SELECT * FROM row_totals WHERE period = {literal(period)})" if period else "row_totals"
    sums = ", ".join(f"sum({n}) AS {n}" for n in _COSTS)
    totals = session.dicts(
        f"SELECT currency, {sums}, CAST(sum(n) AS BIGINT) AS n FROM {relation} GROUP BY 1 ORDER BY 1"
    )
    count, cost = session.one(
        "SELECT CAST(coalesce(sum(n), 0) AS BIGINT), CAST(coalesce(sum(effective_cost), 0) AS VARCHAR) "
        f"FROM {relation} WHERE status = 'unattributed'"
    )
    return {
        "rows": sum(t["n"] for t in totals),
        "totals": [{"currency": t["currency"], **{n: amount(t[n]) for n in _COSTS}} for t in totals],
        **{key: _by(session, relation, key) for key in ("by_provider", "by_model", "by_team")},
        "unattributed": {"rows": count, "effective_cost": text(dec(cost))},
    }


def _by(session: Session, relation: str, key: str) -> list[dict[str, Any]]:
    rows = session.dicts(f"SELECT {key} AS name, currency, CAST(sum(n) AS BIGINT) AS n, sum(effective_cost) AS e, "
        f"sum(billed_cost) AS b, CAST(sum(tokens) AS BIGINT) AS t FROM {relation} GROUP BY ALL ORDER BY name, currency",
    )  # fmt: skip
    return [
        {"name": r["name"], "currency": r["currency"], "rows": r["n"], "effective_cost": amount(r["e"]),
         "billed_cost": amount(r["b"]), "tokens": r["t"]} for r in rows
    ]  # fmt: skip


def amount(value: Any) -> str:
    return text(value) if isinstance(value, Decimal) else str(value)


def file_entries(
    root: Path, written: Sequence[Path], known: MappingType[Path, Written]
) -> list[dict[str, Any]]:  # fmt: skip
    """Path (relative to the data set), rows where they make sense, bytes and hash of every file of the run."""
    return [
        {"path": p.relative_to(root).as_posix(), "rows": known[p].rows if p in known else None,
         "bytes": p.stat().st_size, "sha256": known[p].sha256 if p in known else sha256(p)}
        for p in sorted(written)
    ]  # fmt: skip


def digest(content: MappingType[str, Any]) -> str:
    """Short stable hash of a JSON-like value."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]
