"""Build the shipped snapshot from an installed `genai-prices` package (extra `prices`; a maintainers' job).

What is done to the data: its price keys become leaf meters; dated entries become intervals; daily windows become rows
with a window; context tiers become `[gt, price]`; request variants (batch, tiers of service, fast mode) become complete
sets of rows, because the source says that a key which a variant leaves out keeps its standard price (fees per call are
left to their plain row, see `CALL_METERS`). Amounts that are
binary-float noise are rounded to nine places; when that is not evidently the meant value, the meter is flagged.
Read on 2026-11-22 against genai-prices 0.2.3 (https://github.com/pydantic/genai-prices).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from focus_ai.errors import UsageError
from focus_ai.money import round9, text
from focus_ai.pricing.aliases import bedrock_id
from focus_ai.pricing.rate_row import CALL_METERS

METERS = {
    "input_mtok": "input", "cache_read_mtok": "cache_read", "cache_write_mtok": "cache_write", "output_mtok": "output",
    "cache_write_5m_mtok": "cache_write_5m", "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "input_audio", "input_image_mtok": "input_image", "input_video_mtok": "input_video",
    "cache_audio_read_mtok": "cache_read_audio", "cache_image_read_mtok": "cache_read_image",
    "output_audio_mtok": "output_audio", "output_image_mtok": "output_image", "output_video_mtok": "output_video",
    "output_reasoning_mtok": "output_reasoning", "web_searches_kcount": "web_search",
    "storage_searches_kcount": "file_search", "requests_kcount": "request_fee", "rerank_searches_kcount": "rerank",
    "input_mchars": "characters", "audio_hours": "audio_seconds", "input_audio_hours": "audio_seconds",
    "input_document_kpages": "pages",
}  # fmt: skip
_FIRST = date.min


@dataclass
class Report:
    """What a refresh read, left out and flagged."""

    models: int = 0
    rows: int = 0
    empty: list[str] = field(default_factory=list)
    skipped_keys: Counter[str] = field(default_factory=Counter)
    cleaned: list[str] = field(default_factory=list)
    flagged: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)


def refresh(folder: Path, checked_on: date) -> Report:
    """Write `<folder>/<list>.jsonl` for every provider of the package and `source.json`; report the difference.

    Raises `UsageError` when the package is not installed.
    """
    try:
        from genai_prices import data
    except ImportError:
        raise UsageError(
            "genai-prices is not installed", next_step="install the extra: pip install 'focus-ai[prices]'"
        ) from None
    report = Report()
    before = read_folder(folder)
    written: dict[str, str] = {}
    for provider in data.providers:
        lines = [_line(provider, model, report) for model in provider.models]
        if provider.id == "aws":
            lines = _join_geographies(lines)
        lines.sort(key=lambda line: str(line["id"]))
        dumped = [json.dumps(line, separators=(",", ":"), ensure_ascii=False) for line in lines]
        written[str(provider.id)] = "\n".join(dumped) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.jsonl"):
        if old.stem not in written:
            old.unlink()
    for name, body in sorted(written.items()):
        (folder / f"{name}.jsonl").write_text(body, encoding="utf-8")
    digest = sha256("".join(written[name] for name in sorted(written)).encode()).hexdigest()
    source = {
        "name": "genai-prices", "version": version("genai-prices"), "licence": "MIT",
        "copyright": "Pydantic Services Inc. 2025 to present", "url": "https://github.com/pydantic/genai-prices",
        "checked_on": checked_on.isoformat(), "sha256": digest,
    }  # fmt: skip
    (folder / "source.json").write_text(json.dumps(source, indent=2) + "\n", encoding="utf-8")
    report.changes = difference(before, read_folder(folder))
    return report


def read_folder(folder: Path) -> dict[str, dict[str, Any]]:
    """`list/model` → line, for comparing two snapshots."""
    lines: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for raw in path.read_text(encoding="utf-8").splitlines():
            line = json.loads(raw)
            lines[f"{path.stem}/{line['id']}"] = line
    return lines


def difference(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> list[str]:
    """One sentence per model that came, went or changed its prices."""
    told = [f"new      {name}" for name in sorted(after.keys() - before.keys())]
    told += [f"gone     {name}" for name in sorted(before.keys() - after.keys())]
    for name in sorted(before.keys() & after.keys()):
        if before[name]["rows"] != after[name]["rows"]:
            told.append(f"changed  {name}")
    return told


def _line(provider: Any, model: Any, report: Report) -> dict[str, Any]:
    who = f"{provider.id}/{model.id}"
    noise: set[str] = set()
    rows = [row for row in _rows(model, who, report, noise) if row["p"]]
    report.models += 1
    report.rows += sum(len(row["p"]) for row in rows)
    if not rows:
        report.empty.append(who)
    line: dict[str, Any] = {"id": model.id, "match": _clause(model.match), "rows": rows}
    if noise:
        line["noise"] = sorted(noise)
    if provider.pricing_urls:
        line["url"] = provider.pricing_urls[0]
    return line


_Interval = tuple[date, date | None, list[tuple[tuple[str, str] | None, Any]]]


def _rows(model: Any, who: str, report: Report, noise: set[str]) -> Iterator[dict[str, Any]]:
    base: list[_Interval]
    base = _intervals(model.prices) if isinstance(model.prices, list) else [(_FIRST, None, [(None, model.prices)])]
    split = _ttl_is_split(model)
    for start, end, entries in base:
        for window, price in entries:
            yield _row(_amounts(price, who, report, noise, split), start, end, {}, window)
    groups: dict[tuple[tuple[str, str], ...], list[Any]] = {}
    for variant in model.price_variants or ():
        groups.setdefault(tuple(sorted(variant.when.items())), []).append(variant)
    for when, variants in groups.items():
        for start, end, entries in _cut(base, [_since(variant) for variant in variants]):
            own: dict[str, Any] = {}
            for variant in variants:  # the first active one wins, key by key
                if _since(variant) <= start:
                    own = {**_amounts(variant.prices, who, report, noise, split), **own}
            for window, price in entries if own else ():
                standard = _amounts(price, who, report, noise, split)
                merged = {**{m: v for m, v in standard.items() if m not in CALL_METERS}, **own}
                yield _row(dict(sorted(merged.items())), start, end, dict(when), window)


def _since(variant: Any) -> date:
    start: date = variant.constraint.start_date if variant.constraint else _FIRST
    return start


def _cut(base: list[_Interval], days: list[date]) -> Iterator[_Interval]:
    """The intervals, also cut at these days."""
    for start, end, entries in base:
        inside = sorted({day for day in days if day > start and (end is None or day < end)})
        edges: list[date | None] = [start, *inside, end]
        for first, last in pairwise(edges):
            yield first or _FIRST, last, entries


def _row(
    prices: dict[str, Any], start: date, end: date | None, when: dict[str, str], window: tuple[str, str] | None
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if when:
        row["w"] = when
    if start != _FIRST:
        row["f"] = start.isoformat()
    if end:
        row["t"] = end.isoformat()
    if window:
        row["win"] = list(window)
    row["p"] = prices
    return row


def _intervals(prices: list[Any]) -> list[_Interval]:
    """The last active entry wins; a daily window wins only over entries that stand before it."""
    starts = sorted({_FIRST, *(c.constraint.start_date for c in prices if hasattr(c.constraint, "start_date"))})
    result = []
    for i, start in enumerate(starts):
        end = starts[i + 1] if i + 1 < len(starts) else None
        flat = [
            n for n, c in enumerate(prices)
            if c.constraint is None or (hasattr(c.constraint, "start_date") and c.constraint.start_date <= start)
        ]  # fmt: skip
        last = max(flat, default=0)
        entries: list[tuple[tuple[str, str] | None, Any]] = [(None, prices[last].prices)]
        for entry in prices[last + 1 :]:
            if hasattr(entry.constraint, "start_time"):
                entries.append(((_clock(entry.constraint.start_time), _clock(entry.constraint.end_time)), entry.prices))
        result.append((start, end, entries))
    return result


def _clock(moment: Any) -> str:
    if moment.tzinfo is not None:
        moment = datetime.combine(date(2026, 1, 1), moment).astimezone(UTC).timetz()
    return f"{moment.hour:02d}:{moment.minute:02d}"


def _ttl_is_split(model: Any) -> bool:
    """Claude models price cache writes by lifetime: their plain write price is the five-minute one."""
    sets = [c.prices for c in model.prices] if isinstance(model.prices, list) else [model.prices]
    return "claude" in model.id or any(s.__dict__.get("cache_write_1h_mtok") is not None for s in sets)


def _amounts(prices: Any, who: str, report: Report, noise: set[str], split_ttl: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in prices.__dict__.items():
        if value is None or key.startswith("_"):
            continue
        meter = METERS.get(key)
        if meter is None:
            report.skipped_keys[key] += 1
            continue
        if meter == "cache_write" and split_ttl:
            meter = "cache_write_5m"
        if key == "input_audio_hours" and "audio_seconds" in found:
            continue
        if isinstance(value, Decimal):
            found[meter] = _clean(value, meter, who, report, noise)
        else:
            tiers = [[tier.start, _clean(tier.price, meter, who, report, noise)] for tier in value.tiers]
            found[meter] = [_clean(value.base, meter, who, report, noise), *tiers]
    return dict(sorted(found.items()))


def _clean(value: Decimal, meter: str, who: str, report: Report, noise: set[str]) -> str:
    """Text of an amount; more than nine decimals are float noise and are rounded, flagged unless evident."""
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"{who}: {meter} is not a finite amount")
    if exponent >= -9:
        return text(value)
    rounded = round9(value)
    plain = text(rounded)
    evident = abs(rounded - value) < Decimal("1e-12") and len(plain.partition(".")[2]) <= 6
    told = report.cleaned if evident else report.flagged
    told.append(f"{who} {meter}: {value} -> {plain}")
    if not evident:
        noise.add(meter)
    return plain


def _clause(match: Any) -> list[Any]:
    ops = {"starts_with": "^", "ends_with": "$", "contains": "~", "regex": "re", "equals": "="}
    for attribute, op in ops.items():
        if hasattr(match, attribute):
            return [op, getattr(match, attribute)]
    if hasattr(match, "or_"):
        return ["|", *map(_clause, match.or_)]
    return ["&", *map(_clause, match.and_)]


def _join_geographies(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Bedrock: `global.x` and `regional.x` become one model x with a geography condition, when both exist."""
    groups: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for line in lines:
        prefix, _, rest = line["id"].partition(".")
        geo = prefix if prefix in ("global", "regional") else ""
        groups.setdefault(bedrock_id(rest if geo else line["id"]), []).append((geo, line))
    joined = []
    for model, members in groups.items():
        rows = []
        for geo, line in members:
            for row in line["rows"]:
                mark = {"geo": geo} if len(members) > 1 else {"geo": "*"}
                rows.append({"w": {**row.get("w", {}), **mark}, **{k: v for k, v in row.items() if k != "w"}})
        clauses = [line["match"] for _, line in members]
        whole = {**members[0][1], "id": model, "rows": rows}
        whole["match"] = ["|", ["=", model], *clauses]
        joined.append(whole)
    return joined
