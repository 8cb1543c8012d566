"""What `focus-ai rates list|explain|check|refresh` do: facts as JSON-ready dictionaries, and lines for reading.

Amounts are text. Every function takes its card from the caller; `card_of` builds one from files.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focus_ai.errors import UsageError, nearest
from focus_ai.money import text

if TYPE_CHECKING:
    from focus_ai.pricing import Conditions, Rate, RateCard


def card_of(
    rates: Sequence[str] = (), contracts: Sequence[str] = (), fx: str | None = None, currency: str | None = None
) -> RateCard:
    """The shipped card with a user's files over it."""
    from focus_ai.pricing import RateCard

    return RateCard.load(rates, contracts, fx, currency)


def instant(value: str | None) -> datetime:
    """`--at`: a date or a stamp with offset; nothing means now. Raises `UsageError`."""
    if not value:
        return datetime.now(UTC)
    try:
        stamp = datetime.fromisoformat(value)
    except ValueError:
        raise UsageError("--at is not a time", value=value, expected="2026-11-18 or 2026-11-18T14:00:00Z") from None
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)


def list_rates(
    card: RateCard, *, channel: str | None = None, model: str | None = None, meter: str | None = None,
    at: datetime | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """The rows that are in force at an instant (default: all rows), narrowed by channel, part of a model id, meter.

    Raises `UsageError` for an unknown channel or meter.
    """
    from focus_ai.pricing.tables import channel as channel_of
    from focus_ai.pricing.tables import known_channels

    if channel and channel_of(channel).name not in {*known_channels(), *(r.channel for r in card.user_rates)}:
        raise UsageError("the channel is unknown", value=channel, expected=nearest(channel, known_channels()))
    _check_meter(meter)
    names = [channel_of(channel).name] if channel else list(known_channels())
    rows: list[Rate] = []
    for name in names:
        for listed in channel_of(name).lists[:1] if card.shipped else ():
            for known in card.shipped_models(listed):
                if not model or model.lower() in known.lower():
                    rows += card.shipped_rows(name, listed, known)
    rows += [
        row for row in card.user_rates
        if row.channel in (*names, "*") and (not model or model.lower() in row.model.lower() or row.model == "*")
    ]  # fmt: skip
    return [
        rate_facts(row) for row in rows
        if (not meter or row.meter == meter) and (at is None or row.live(at))
    ]  # fmt: skip


def rate_facts(row: Rate) -> dict[str, Any]:
    """One row for machines."""
    return {
        "sku_price_id": row.sku_price_id,
        "rate_id": row.rate_id,
        "channel": row.channel,
        "model": row.model,
        "meter": row.meter,
        "price": None if row.price is None else text(row.price),
        "currency": row.currency,
        "per": row.pricing_unit,
        "effective_from": row.effective_from.isoformat() if row.effective_from else None,
        "effective_to": row.effective_to.isoformat() if row.effective_to else None,
        "when": dict(row.when),
        "context_gt": row.context_gt or None,
        "window": None if row.window is None else f"{row.window.start}-{row.window.end} {row.window.zone}",
        "status": row.status,
        "review_by": row.review_by.isoformat() if row.review_by else None,
        "source": row.source.name + (f" {row.source.version}" if row.source.version else ""),
        "url": row.source.url or None,
        "checked_on": row.source.checked_on or None,
    }


def list_lines(rates: Sequence[dict[str, Any]]) -> list[str]:
    """The rows as a table."""
    from focus_ai.reports.table import table

    rows = [
        (r["sku_price_id"], r["price"] or "unknown", r["currency"], r["per"], _day(r["effective_from"]),
         _day(r["effective_to"]), r["status"])
        for r in rates
    ]  # fmt: skip
    if not rows:
        return ["no rate is like that; `focus-ai rates list --channel NAME` shows what a channel sells,",
                "`focus-ai rates explain` why a model of an export has no price"]  # fmt: skip
    return table(["sku price", "price", "cur", "per", "from", "until", "status"], rows)


def _day(stamp: str | None) -> str:
    return "-" if stamp is None else stamp[:10] if stamp[11:19] == "00:00:00" else stamp[:16] + "Z"


def _check_meter(meter: str | None) -> None:
    from focus_ai.meters import meters

    if meter and meter not in meters():
        raise UsageError("the meter is unknown", value=meter, expected=nearest(meter, meters()))


def explain_rate(
    card: RateCard,
    channel: str,
    model: str,
    at: datetime,
    conditions: Conditions,
    meter: str | None = None,
    account: str | None = None,
) -> dict[str, Any]:
    """Which row prices each meter of a model at an instant, what was assumed, and why other meters have no price.

    `account`: the billing account, to which contracts can be limited.
    Raises `UsageError` for an unknown meter.
    """
    from focus_ai.meters import meters
    from focus_ai.pricing import NoRate
    from focus_ai.pricing.contract import contracted
    from focus_ai.pricing.profile import named
    from focus_ai.pricing.unit_prices import unit_prices

    _check_meter(meter)
    ref = card.place(channel, (model,), at)
    facts: dict[str, Any] = {"channel": channel, "asked": model, "at": at.isoformat(), "card": card.card_id}
    if isinstance(ref, NoRate):
        return {**facts, "model": None, "reason": ref.reason, "detail": ref.detail, "meters": []}
    found: list[dict[str, Any]] = []
    for name in [meter] if meter else meters():
        result = card.price(ref, name, at, conditions)
        if isinstance(result, NoRate):
            if meter or result.reason != "no_rate" or card.meter_rows(ref, name)[0]:
                found.append({"meter": name, "reason": result.reason, "detail": result.detail})
            continue
        rate = named(result.rate, ref)
        agreed = contracted(card.contracts, rate, ref.names, at, account, conditions)
        own = agreed if isinstance(agreed, NoRate) else unit_prices(
            rate, agreed, None, card.fx, at.date()
        )  # fmt: skip
        if isinstance(own, NoRate):
            found.append({"meter": name, "reason": own.reason, "detail": own.detail})
            continue
        found.append({
            **rate_facts(rate), "price": text(own.pc_listed), "per": own.pricing_unit, "meter": name,
            "assumptions": [*result.assumptions, *own.assumptions],
            "contracted_price": text(own.contracted), "exchange_rate": str(own.fx) if own.fx else None,
            "note": rate.source.note or None,
        })  # fmt: skip
    return {
        **facts, "channel": ref.channel.name, "model": ref.model, "price_list": ref.price_list,
        "alias_source": ref.alias_source, "geo": ref.geo, "meters": found,
    }  # fmt: skip


def explain_lines(facts: dict[str, Any]) -> list[str]:
    """The explanation for reading."""
    if facts["model"] is None:
        return [f"{facts['channel']}/{facts['asked']}  no price: {facts['reason']}", f"  {facts['detail']}"]
    lines = [
        f"{facts['channel']}/{facts['model']} at {facts['at']}",
        f"  name      {facts['asked']} ({facts['alias_source']}), price list {facts['price_list'] or 'own rates'}",
        f"  card      {facts['card']}",
    ]
    for row in facts["meters"]:
        if "reason" in row:
            lines += ["", f"{row['meter']}  no price: {row['reason']}", f"  {row['detail']}"]
            continue
        lines += ["", f"{row['meter']}  {row['price']} {row['currency']} per {row['per']}"]
        if row["contracted_price"] != row["price"]:
            lines.append(f"  contract  {row['contracted_price']}")
        if row["exchange_rate"]:
            lines.append(f"  exchange  {row['exchange_rate']}")
        lines.append(f"  row       {row['sku_price_id']} ({row['rate_id']})")
        lines.append(f"  valid     {_day(row['effective_from'])} until {_day(row['effective_to'])}")
        lines.append(f"  source    {row['source']}, {row['status']}, checked {row['checked_on'] or '-'}")
        lines += [f"  {label}{row[key]}" for key, label in (("url", "page      "), ("note", "note      ")) if row[key]]
        if row["assumptions"]:
            lines.append(f"  assumed   {', '.join(row['assumptions'])}")
    return lines


def check_card(card: RateCard, today: date) -> dict[str, Any]:
    """The structural findings of a card."""
    from focus_ai.pricing.check import check

    problems = check(card, today)
    return {
        "card": card.card_id,
        "errors": sum(p.severity == "error" for p in problems),
        "warnings": sum(p.severity == "warning" for p in problems),
        "problems": [
            {"severity": p.severity, "kind": p.kind, "subject": p.subject, "text": p.text} for p in problems
        ],
    }  # fmt: skip


def check_lines(facts: dict[str, Any]) -> list[str]:
    """The findings for reading; the last line counts them."""
    lines = [f"{p['severity']:<8}{p['kind']:<17}{p['subject']}  {p['text']}" for p in facts["problems"]]
    return [*lines, f"{facts['card']}: {facts['errors']} errors, {facts['warnings']} warnings"]


def refresh_snapshot(checked_on: date, folder: Path | None = None) -> dict[str, Any]:
    """Rewrite the snapshot from the installed genai-prices package and tell what changed."""
    from focus_ai.pricing.refresh import refresh
    from focus_ai.pricing.tables import prices_folder

    report = refresh(folder or prices_folder() / "genai-prices", checked_on)
    return {
        "models": report.models,
        "rows": report.rows,
        "without_amount": len(report.empty),
        "left_out": dict(sorted(report.skipped_keys.items())),
        "float_noise_cleaned": report.cleaned,
        "float_noise_flagged": report.flagged,
        "changes": report.changes,
    }


def refresh_lines(facts: dict[str, Any]) -> list[str]:
    """The difference for reading."""
    return [
        *facts["changes"],
        f"{facts['models']} models, {facts['rows']} prices, {facts['without_amount']} models without an amount, "
        f"{len(facts['changes'])} changes",
    ]
