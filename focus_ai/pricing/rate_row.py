"""The rows of a rate card, the conditions of an event and the answers when no row fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from hashlib import sha256

from focus_ai.pricing.window import Window

ANY = "*"
#: Layers, weakest first. A row of the user that fits always wins; among shipped rows the more precise one does.
#: A user's multiplier makes rows of its own: MULTIPLIED from shipped prices, USER_DERIVED from prices of the user.
DERIVED, SNAPSHOT, OVERLAY, MULTIPLIED, USER_DERIVED, USER = 0, 10, 20, 28, 29, 30

#: What a row means that does not name the key, and what an event means that is silent about it.
DEFAULTS: Mapping[str, str] = {
    "processing": "realtime", "service_tier": "default", "speed": "standard", "geo": "global",
}  # fmt: skip
#: Keys whose omission in a row means "any value".
OPEN_KEYS = frozenset({"region"})
#: Ways of buying the same tokens. Sellers publish a factor of the standard price for each, never for two together.
TIER_KEYS = frozenset({"processing", "service_tier", "speed"})
#: Words that `Conditions.variant` may meet.
VARIANT_KEYS = ("search_type", "resolution", "quality", "route", "variant")
#: Fees per call: price lists state them once, for every tier. Only a row that names a condition makes it matter.
CALL_METERS = frozenset({
    "web_search", "web_fetch", "file_search", "maps_grounding", "code_execution", "session_runtime", "request_fee",
    "rerank", "vector_storage", "cache_storage", "provisioned", "credits",
    "accelerator_seconds",
})  # fmt: skip

_TIERS = {
    "": None, "auto": None, "default": "default", "standard": "default", "on_demand": "default", "on-demand": "default",
    "standard_only": "default", "none": None,
}  # fmt: skip
_GEO_SILENT = {"", "not_available", "none", "unknown"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a price was read: name and version of the source, page, day of reading, digest of the file."""

    name: str
    version: str = ""
    url: str = ""
    checked_on: str = ""
    sha256: str = ""
    note: str = ""


@dataclass(frozen=True)
class Rate:
    """One price: `price` per `unit_size` units of `unit`, valid from `effective_from` (inside) to `effective_to`.

    `price` None = the source names the model but no amount: unknown, never zero. `context_gt`: the row holds when all
    input tokens of the request together are more than this number (0 = always). `when` holds the other conditions.
    """

    channel: str
    model: str
    meter: str
    price: Decimal | None
    currency: str = "USD"
    unit: str = "Tokens"
    unit_size: int = 1_000_000
    pricing_unit: str = "1000000 Tokens"
    effective_from: datetime | None = None
    effective_to: datetime | None = None
    when: tuple[tuple[str, str], ...] = ()
    context_gt: int = 0
    window: Window | None = None
    status: str = "imported"
    review_by: date | None = None
    source: Source = field(default_factory=lambda: Source("unknown"))
    layer: int = SNAPSHOT
    assumes: tuple[str, ...] = ()

    @cached_property
    def conditions(self) -> dict[str, str]:
        """`when` as a dictionary."""
        return dict(self.when)

    @cached_property
    def sku_id(self) -> str:
        """Channel, model and meter: what is sold."""
        return f"{self.channel}/{self.model}/{self.meter}"

    @cached_property
    def sku_price_id(self) -> str:
        """The SKU and everything that changes its price, without amount, date or account."""
        return "#".join([self.sku_id, *condition_marks(self.conditions, self.context_gt, self.window)])

    @cached_property
    def rate_id(self) -> str:
        """Stable short digest of the key fields (not of the amount)."""
        start = self.effective_from.isoformat() if self.effective_from else ""
        parts = [self.sku_price_id, start, repr(self.when), repr(self.window), self.source.name]
        return sha256("|".join(parts).encode()).hexdigest()[:16]

    @property
    def key(self) -> tuple[object, ...]:
        """Two rows with the same key speak about the same thing at different times or in different layers."""
        return (self.channel, self.model, self.meter, self.when, self.context_gt, self.window)

    def live(self, at: datetime) -> bool:
        """Whether the row is in force at an instant, its time window left aside."""
        return (self.effective_from is None or self.effective_from <= at) and (
            self.effective_to is None or at < self.effective_to
        )


@dataclass(frozen=True, slots=True)
class NoRate:
    """No price, and why: channel_unknown, alias_unmapped, no_rate, not_yet_effective, expired, empty_price,
    ambiguous, no_fx_rate, contract_currency, price_too_large."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What an event says about the things that change a price. None = silent (the default is taken and reported).

    `context` counts all input tokens of the request: fresh, cache read, cache write and other modalities.
    """

    processing: str | None = None
    service_tier: str | None = None
    speed: str | None = None
    geo: str | None = None
    region: str | None = None
    variant: str | None = None
    context: int | None = None

    @classmethod
    def of(
        cls,
        *,
        service_tier: str | None = None,
        is_batch: bool | None = None,
        inference_geo: str | None = None,
        speed: str | None = None,
        region: str | None = None,
        variant: str | None = None,
        context: int | None = None,
    ) -> Conditions:
        """From the words of an export. A tier called `batch` means batch processing at the default tier."""
        tier = (service_tier or "").strip().lower()
        processing = None if is_batch is None else ("batch" if is_batch else "realtime")
        if tier in ("batch", "batches"):
            processing, tier = "batch", "default"
        place = (inference_geo or "").strip().lower()
        return cls(
            processing,
            _TIERS.get(tier, tier),
            (speed or "").strip().lower() or None,
            None if place in _GEO_SILENT else place,
            (region or "").strip().lower() or None,
            (variant or "").strip() or None,
            context,
        )

    def value(self, key: str) -> str | None:
        """What the event says about a condition key."""
        if key in VARIANT_KEYS:
            return self.variant
        said: str | None = getattr(self, key, None)
        return said


def stated_when(when: Mapping[str, str]) -> dict[str, str]:
    """Conditions in the words of the card, stated defaults kept. `standard` is neither another tier nor batch."""
    said = {key: value for key, value in when.items() if value}
    tier = said.get("service_tier", "").lower()
    if tier in ("batch", "batches"):
        return {**said, "processing": "batch", "service_tier": DEFAULTS["service_tier"]}
    if _TIERS.get(tier) == DEFAULTS["service_tier"]:
        said["service_tier"] = DEFAULTS["service_tier"]
        if tier != DEFAULTS["service_tier"]:
            said.setdefault("processing", DEFAULTS["processing"])
    return said


def normal_when(when: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Conditions of a row in one spelling: defaults left out, keys in order."""
    return tuple(sorted((key, value) for key, value in stated_when(when).items() if DEFAULTS.get(key) != value))


def tiers_named(when: Mapping[str, str]) -> set[str]:
    """The tier keys for which conditions name one value."""
    return {key for key in TIER_KEYS if when.get(key, ANY) != ANY}


def condition_marks(when: Mapping[str, str], context_gt: int, window: Window | None) -> Iterable[str]:
    """The marks behind a SkuPriceId: `batch`, `flex`, `fast-mode`, `us`, `gt272k`, `peak`."""
    for key in ("processing", "service_tier", "speed", "geo", "region", *VARIANT_KEYS):
        value = when.get(key)
        if value is None or value == ANY or DEFAULTS.get(key) == value:
            continue
        prefix = {"speed": "speed-", "geo": "geo-", "region": "region-", "search_type": "search-"}.get(key, "")
        yield prefix + value
    if context_gt:
        yield f"gt{context_gt // 1000}k" if context_gt % 1000 == 0 else f"gt{context_gt}"
    if window:
        yield window.label
