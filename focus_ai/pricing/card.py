"""The rate card: shipped snapshot, curated corrections and a user's own rates as one thing to ask.

Everything is read when it is first needed: a run that meets two channels reads two price lists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from focus_ai.meters import meters
from focus_ai.pricing import overlay, snapshot
from focus_ai.pricing.aliases import (
    Alias,
    Name,
    clause_match,
    is_dated_id,
    price_geo,
    same_model,
    same_spelling,
    shipped_aliases,
    spellings,
)
from focus_ai.pricing.lookup import Found, choose
from focus_ai.pricing.multiplier import Multiplier, multiplied
from focus_ai.pricing.rate_row import ANY, OVERLAY, SNAPSHOT, Conditions, NoRate, Rate
from focus_ai.pricing.tables import Channel, channel

if TYPE_CHECKING:
    from focus_ai.pricing.contract import Contract
    from focus_ai.pricing.fx import FxTable


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model name placed on a price list: canonical id, its spellings, and what was assumed on the way."""

    channel: Channel
    model: str
    price_list: str | None
    names: tuple[str, ...]
    geo: str | None = None
    assumptions: tuple[str, ...] = ()
    alias_source: str = "exact"


@dataclass
class RateCard:
    """Rows of the user, contracts, aliases and exchange rates above the shipped prices.

    `billing_currency` None: every price stays in the currency of its row. `shipped` False: only the given rows count.
    """

    user_rates: list[Rate] = field(default_factory=list)
    contracts: list[Contract] = field(default_factory=list)
    user_aliases: list[Alias] = field(default_factory=list)
    fx: FxTable | None = None
    billing_currency: str | None = None
    shipped: bool = True
    multipliers: list[Multiplier] = field(default_factory=list)
    #: What the user's own files are: (rates, contracts or fx; name; SHA-256).
    files: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._model_rows: dict[tuple[str, str | None, str], dict[str, list[Rate]]] = {}
        self._refs: dict[tuple[str, str, bool], ModelRef | NoRate] = {}
        self._own: dict[tuple[str, str, tuple[str, ...]], dict[str, list[Rate]]] = {}

    @classmethod
    def load(
        cls,
        user_files: Sequence[str | Path] = (),
        contracts: Sequence[str | Path] = (),
        fx: str | Path | None = None,
        billing_currency: str | None = None,
    ) -> RateCard:
        """The shipped card with a user's rate, contract and exchange-rate files over it.

        Raises `InputError` (file, row, value, expected) for a file that is not right.
        """
        from focus_ai.pricing.load import load

        return load(user_files, contracts, fx, billing_currency)

    @property
    def card_id(self) -> str:
        """Name of the card for manifests: snapshot version and first digits of its digest, then the number of own rows
        and the same of the files that they and the exchange rates stand in, in any order."""
        about = snapshot.header()
        number = len(self.user_rates) + len(self.multipliers) + len(self.contracts)
        content = " ".join(sorted(f"{kind} {sha256}" for kind, _, sha256 in self.files))
        digest = "." + hashlib.sha256(content.encode()).hexdigest()[:8] if content else ""
        own = f"+user.{number}{digest}" if number or digest else ""
        return f"{about['name']}-{about['version']}+{about['sha256'][:8]}{own}"

    def find(
        self, channel_name: str, models: Iterable[str | None], meter: str, at: datetime, conditions: Conditions
    ) -> Found | NoRate:
        """The row for one meter of an event; `models` as in `place`."""
        ref = self.place(channel_name, models, at)
        return ref if isinstance(ref, NoRate) else self.price(ref, meter, at, conditions)

    def price(self, ref: ModelRef, meter: str, at: datetime, conditions: Conditions) -> Found | NoRate:
        """The row for one meter of a placed model."""
        geo = price_geo(ref.channel.name, ref.geo, conditions.geo)
        if geo != conditions.geo:
            conditions = replace(conditions, geo=geo)
        rows, assumed = self.meter_rows(ref, meter)
        if not rows and self._is_empty(ref):
            return NoRate("empty_price", f"the price list names {ref.model} without any amount")
        found = choose(rows, at, conditions)
        if isinstance(found, NoRate):
            return found
        review = found.rate.review_by
        late = ("price_review_overdue",) if review is not None and at.date() > review else ()
        return Found(found.rate, tuple(dict.fromkeys((*ref.assumptions, *assumed, *found.assumptions, *late))))

    def place(self, channel_name: str, models: Iterable[str | None], at: datetime) -> ModelRef | NoRate:
        """Place a call on a price list by its model names: served, deployment, requested, alias (None = not stated).

        The model that answered decides. Is it not on the card, the call has no price: what was asked for is another
        model. The later names speak only where no model answered by name, or where the answer repeats the name of a
        deployment or alias, or spells the same model; then they are an assumption.
        """
        seller = channel(channel_name)
        served, *others = tuple(models) or (None,)
        asked = [name for name in (served, *others) if name]
        if not asked:
            return self._no_prices(seller) or NoRate("alias_unmapped", "the event names no model")
        first = self._place_one(seller, asked[0], at, gateway=not served)
        if isinstance(first, ModelRef):
            return _located(first, asked)
        tuned = spellings(seller.name, asked[0]).core.startswith("ft:")
        for raw in [] if tuned else _stand_ins(seller, served, others) if served else asked[1:]:
            ref = self._place_one(seller, raw, at, gateway=True)
            if isinstance(ref, ModelRef):
                return _located(replace(ref, assumptions=(*ref.assumptions, "model_name_fallback")), asked)
        return first

    def alias_changes(self, channel_name: str, models: Iterable[str | None]) -> set[datetime]:
        """The instants at which an alias of these names starts or ends."""
        seller = channel(channel_name)
        names = {name for raw in models if raw for name in spellings(seller.name, raw).spellings}
        found = [a for a in self._aliases() if a.channel == seller.name and a.alias in names]
        return {edge for a in found for edge in (a.effective_from, a.effective_to) if edge}

    def _aliases(self) -> list[Alias]:
        return [*self.user_aliases, *(shipped_aliases() if self.shipped else ())]

    def _place_one(self, seller: Channel, raw: str, at: datetime, *, gateway: bool = False) -> ModelRef | NoRate:
        name = spellings(seller.name, raw, gateway=gateway)
        aliases = [a for a in self._aliases() if a.channel == seller.name and a.alias in name.spellings]
        if not aliases:
            key = (seller.name, raw, gateway)
            if key not in self._refs:
                found = self._exact(seller, name) or self._imported(seller, name)
                self._refs[key] = found or self._unknown(seller, raw, name)
            return self._refs[key]
        # A user may call a deployment like a model: what the user says it is stands above the id.
        own = next((a for a in self.user_aliases if a in aliases and a.live(at)), None)
        exact = None if own else self._exact(seller, name)
        if exact:
            return exact
        alias = own or next((a for a in aliases if a.live(at)), None)
        if alias is None:
            return NoRate("alias_unmapped", f"the alias {raw} of {seller.name} does not hold at {at.isoformat()}")
        meant = spellings(seller.name, alias.model)
        target = self._exact(seller, meant) or self._imported(seller, meant)
        if target is None:
            return NoRate("alias_unmapped", f"the alias {raw} points to {alias.model}, which has no prices")
        told = () if alias.dated else ("alias_undated",)
        return replace(
            target, names=(*name.spellings, *target.names), assumptions=(*target.assumptions, *told),
            alias_source=alias.source, geo=name.geo or target.geo,
        )  # fmt: skip

    def _exact(self, seller: Channel, name: Name) -> ModelRef | None:
        for position, listed in enumerate(seller.lists if self.shipped else ()):
            prices = snapshot.price_list(listed)
            known = set(prices.models) if prices else set()
            known |= {row.model for row in overlay.shipped(listed).rows if row.model != ANY}
            told: tuple[str, ...] = () if position == 0 else (f"price_list_of_{listed}",)
            hits = [spelling for spelling in name.spellings if spelling in known]
            if name.own_prefix and len(hits) > 1:  # sold with and without the seller's name before it
                told = (*told, "model_prefix_ambiguous")
            if hits:
                return ModelRef(seller, hits[0], listed, name.spellings, name.geo, told)
        own = {row.model for row in self.user_rates if row.channel == seller.name}
        for spelling in name.spellings:
            if spelling in own:
                return ModelRef(seller, spelling, None, name.spellings, name.geo, (), "user")
        return None

    def _imported(self, seller: Channel, name: Name) -> ModelRef | None:
        lowered = [spelling.lower() for spelling in name.spellings]
        for position, listed in enumerate(seller.lists if self.shipped else ()):
            prices = snapshot.price_list(listed)
            if prices is None:
                continue
            told = () if position == 0 else (f"price_list_of_{listed}",)
            for spelling in lowered:
                if spelling in prices.equals:
                    model = prices.equals[spelling]
                    return ModelRef(seller, model, listed, name.spellings, name.geo, told, "imported_id")
            for spelling in lowered:
                for model, line in prices.models.items():
                    if clause_match(line["match"], spelling):
                        dated = is_dated_id(model, line["match"], spelling)
                        flagged = told if dated else (*told, "alias_imported")
                        return ModelRef(seller, model, listed, name.spellings, name.geo, flagged, "imported")
        return None

    def _unknown(self, seller: Channel, raw: str, name: Name) -> ModelRef | NoRate:
        own = [row for row in self.user_rates if row.channel in (seller.name, ANY)]
        if any(_covers(row.model, name.spellings) for row in own):
            return ModelRef(seller, name.spellings[-1], None, name.spellings, name.geo, (), "user_pattern")
        return self._no_prices(seller) or NoRate("alias_unmapped", f"{seller.name} has no model {raw} on the rate card")

    def _no_prices(self, seller: Channel) -> NoRate | None:
        """Why nothing of a seller can have a price; None when there is a price list or a row of the user."""
        if any(row.channel in (seller.name, ANY) for row in self.user_rates):
            return None
        if self.shipped and any(snapshot.price_list(item) for item in seller.lists):
            return None
        named = seller.name or "an event without provider"
        return NoRate("channel_unknown", f"no price list and no own rates for {named}")

    def _is_empty(self, ref: ModelRef) -> bool:
        prices = snapshot.price_list(ref.price_list) if ref.price_list else None
        line = prices.models.get(ref.model) if prices else None
        return line is not None and not line["rows"]

    def meter_rows(self, ref: ModelRef, meter: str) -> tuple[list[Rate], tuple[str, ...]]:
        """The rows that price a meter, and the assumption when a wider meter's rows do."""
        rows = self._rows(ref)
        if rows.get(meter):
            return rows[meter], ()
        if meter == "input_tool_use":
            return rows.get("input", []), ()
        if meter == "cache_write":
            return rows.get("cache_write_5m", []), ("cache_ttl_unknown",)
        if meter.startswith("cache_write_") and meter != "cache_write_1h":
            by_ttl = any(name.startswith("cache_write_") for name in rows)
            return ([], ()) if by_ttl else (rows.get("cache_write", []), ())
        entry = meters().get(meter)
        wider = entry.part_of if entry else None
        if wider and ref.price_list and meter != "output_reasoning":
            for cover in overlay.shipped(ref.price_list).covers:
                if meter in cover.meters and cover.models.search(ref.model):
                    wide = [replace(row, meter=meter) for row in rows.get(wider, [])]
                    rows[meter] = [replace(row, assumes=(*row.assumes, "modality_at_text_price")) for row in wide]
                    return rows[meter], ()
        return [], ()

    def has_own_price(self, ref: ModelRef, meter: str) -> bool:
        """Whether the card has rows for exactly this meter of the model."""
        return any("modality_at_text_price" not in row.assumes for row in self._rows(ref).get(meter, ()))

    def _rows(self, ref: ModelRef) -> dict[str, list[Rate]]:
        key = (ref.channel.name, ref.model, ref.names)
        if key not in self._own:
            merged = {meter: list(rows) for meter, rows in self._shipped_rows(ref).items()}
            names = (ref.model, *ref.names)
            for row in self.user_rates:
                if row.channel in (ref.channel.name, ANY) and _covers(row.model, names):
                    named = row if row.model == ref.model else replace(row, model=_shown(row.model, ref.model))
                    merged.setdefault(row.meter, []).append(named)
            factors = [factor for factor in self.multipliers if factor.covers(ref.channel.name, names)]
            for rows in merged.values() if factors else ():
                rows += multiplied(rows, factors)
            self._own[key] = merged
        return self._own[key]

    def _shipped_rows(self, ref: ModelRef) -> dict[str, list[Rate]]:
        key = (ref.channel.name, ref.price_list, ref.model)
        if key not in self._model_rows:
            grouped: dict[str, list[Rate]] = {}
            for row in self.shipped_rows(ref.channel.name, ref.price_list, ref.model) if ref.price_list else ():
                grouped.setdefault(row.meter, []).append(row)
            self._model_rows[key] = grouped
        return self._model_rows[key]

    def shipped_rows(self, channel_name: str, listed: str, model: str) -> list[Rate]:
        """Snapshot, curated and derived rows of one model of one price list."""
        prices, curated = snapshot.price_list(listed), overlay.shipped(listed)
        rows = list(prices.rates(channel_name, model)) if prices and model not in curated.replaces else []
        rows += [
            replace(row, channel=channel_name, model=model) for row in curated.rows if row.model in (model, ANY)
        ]  # fmt: skip
        return overlay.derive(_corrected(rows), curated.derived)

    def shipped_models(self, listed: str) -> list[str]:
        """The models of one price list, curated ones included."""
        prices = snapshot.price_list(listed)
        names = set(prices.models) if prices else set()
        return sorted(names | {row.model for row in overlay.shipped(listed).rows if row.model != ANY})


def _stand_ins(seller: Channel, served: str, others: Sequence[str | None]) -> list[str]:
    """The other names of a call whose served name is on no list: those that can tell which model that name means."""
    deployment, requested, alias = (*others, None, None, None)[:3]
    repeated = same_spelling(seller.name, served, alias) or (
        seller.own_names and same_spelling(seller.name, served, deployment)
    )
    named = [name for name in (deployment, requested, alias) if name]
    return [name for name in named if repeated or same_model(seller.name, served, name)]


def _located(ref: ModelRef, names: Iterable[str]) -> ModelRef:
    """A model with the geography that another name of the call states, where its own name states none."""
    if ref.geo is None:
        geo = next((geo for name in names if (geo := spellings(ref.channel.name, name).geo)), None)
        return replace(ref, geo=geo) if geo else ref
    return ref


def _corrected(rows: list[Rate]) -> list[Rate]:
    """Snapshot rows whose key and start a curated row repeats are left out: the curated one stands."""
    curated = {(row.key, row.effective_from, row.effective_to) for row in rows if row.layer == OVERLAY}
    return [
        row for row in rows
        if row.layer != SNAPSHOT or (row.key, row.effective_from, row.effective_to) not in curated
    ]  # fmt: skip


def _covers(pattern: str, names: Iterable[str]) -> bool:
    """Whether a user's model column (exact, `prefix*` or `*`) means one of these names."""
    if pattern == ANY:
        return True
    if pattern.endswith(ANY):
        return any(name.startswith(pattern[:-1]) for name in names)
    return pattern in names


def _shown(pattern: str, model: str) -> str:
    """User rows given by pattern keep it: it tells how precise the row is."""
    return pattern if pattern.endswith(ANY) else model
