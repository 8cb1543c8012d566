"""What every target gets of every origin row: largest remainder in whole numbers, inside the engine.

In: origin rows with `seq` and `plan_no`, and the table `plans`. Out: narrow rows (`seq`, `target`, the columns that
are split, `x_ChargeId`, `clash`). Quantities are split in units of a billionth (tokens: whole tokens), costs follow
from the unit prices; what has no price is split on its own at 18 places.

The engine divides 128-bit numbers thirty times slower than 64-bit ones. So the rows are measured first (`measure`), and
products that could leave 63 bits are divided in pieces, digit by digit like on paper (`_Form`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from focus_ai.allocation.rules import FIELDS
from focus_ai.engine import Session, exact, ident, literal

TOKENS = ("x_InputTokens", "x_CacheReadTokens", "x_CacheWriteTokens", "x_OutputTokens")
_STEPS = {"1000000 Tokens": 1_000, "1000 Tokens": 1_000_000, "Tokens": 1_000_000_000}
_PRODUCT = {"l": ("ListCost", "ListUnitPrice"), "c": ("ContractedCost", "ContractedUnitPrice")}
_COUNTS = {"r": "x_ReasoningTokens", "n": "x_RequestCount"}
_LIMIT = 2**63 - 1
#: More pieces than this cost as much as one division of 128 bits.
_PIECES = 8


@dataclass(frozen=True)
class Shape:
    """How large the numbers of some origin rows and plans are.

    `largest`: amount -> its largest absolute value in units; amounts that no row has to split by itself are not in it.
    `quantity` is in billionths; `whole`, `weight` and `size` are the largest sum, weight and number of targets.
    """

    largest: Mapping[str, int]
    quantity: int
    whole: int
    weight: int
    size: int

    def form(self, name: str) -> _Form:
        """How one amount is split."""
        most = self.largest[name]
        rest = min(most, self.whole - 1)
        big, pieces, bits = most >= 2**62, 1, 0
        if rest * self.weight > _LIMIT:
            bits = (_LIMIT // (self.whole + self.weight)).bit_length() - 1
            pieces = -(-rest.bit_length() // bits) if bits > 0 else _PIECES + 1
        return _Form(name, big, pieces if pieces <= _PIECES else 0, bits, self.whole * self.size > _LIMIT)


@dataclass(frozen=True)
class _Form:
    """SQL of one amount `u_<name>`. `pieces`: of how many digits of `bits` the remainder is; 0 = 128-bit division."""

    name: str
    big: bool
    pieces: int
    bits: int
    wide: bool

    def units(self, sql: str) -> str:
        """The amount in whole units."""
        return f"{sql if self.big else f'CAST({sql} AS BIGINT)'} AS u_{self.name}"

    def parts(self) -> list[str]:
        """Whole multiples of the weights and the rest below them."""
        n = self.name
        return [f"abs(u_{n}) // wsum AS a_{n}", f"CAST(abs(u_{n}) % wsum AS BIGINT) AS b_{n}"]

    def digits(self) -> list[str]:
        """The rest in digits, the highest first."""
        mask = (1 << self.bits) - 1
        return [
            f"(b_{self.name} >> {self.bits * (self.pieces - 1 - i)}) & {mask} AS b_{self.name}_{i}"
            for i in range(self.pieces)
        ] if self.pieces > 1 else []  # fmt: skip

    def _high(self, upto: int) -> str:
        """Remainder of the first digits times the weight."""
        if upto == 1:
            return f"((w * b_{self.name}_0) % wsum)"
        return f"(({self._high(upto - 1)} * {1 << self.bits} + w * b_{self.name}_{upto - 1}) % wsum)"

    def remainder(self) -> str:
        """b * w modulo the whole."""
        if self.pieces == 1:
            return f"(b_{self.name} * w) % wsum"
        if self.pieces:
            return self._high(self.pieces)
        return f"CAST((CAST(b_{self.name} AS HUGEINT) * w) % wsum AS BIGINT)"

    def floor(self) -> str:
        """b * w divided by the whole, rounded down."""
        if self.pieces == 1:
            return f"(b_{self.name} * w) // wsum"
        if self.pieces:
            found = f"(w * b_{self.name}_0) // wsum"
            for i in range(1, self.pieces):
                found = (
                    f"({found}) * {1 << self.bits} + "
                    f"({self._high(i)} * {1 << self.bits} + w * b_{self.name}_{i}) // wsum"
                )
            return found
        return f"CAST((CAST(b_{self.name} AS HUGEINT) * w) // wsum AS BIGINT)"

    def _rank(self, remainder: str, place: str) -> str:
        """A number that orders remainders; equal ones by their place."""
        return f"{f'CAST({remainder} AS HUGEINT)' if self.wide else remainder} * size + (size - {place})"

    def missing(self) -> list[str]:
        """How many units are still to be given, and the rank that gets the last of them."""
        n = self.name
        ranks = f"list_transform(r_{n}, lambda r, i: {self._rank('r', 'i')})"
        return [
            f"CASE WHEN b_{n} > 0 AND list_sum(r_{n}) >= wsum THEN "
            f"list_sort({ranks}, 'DESC')[CAST(list_sum(r_{n}) // wsum AS BIGINT)] END AS h_{n}"
        ]

    def share(self) -> str:
        """The whole units of one target."""
        n = self.name
        one = f"CASE WHEN {self._rank(f'r_{n}', 'pos')} >= h_{n} THEN 1 ELSE 0 END"
        return f"sign(u_{n}) * (a_{n} * w + {self.floor()} + {one}) AS s_{n}"


def token_count(columns: Collection[str]) -> str:
    """SQL of the tokens of a row, null where it counts none.

    Rows of clouds count them in units of their own (`1K tokens`, `Units`, `requests`): there the token columns tell.
    """
    held = [c for c in TOKENS if c in columns]
    counted = f"CAST(coalesce({', '.join(held)}) AS DECIMAL(38, 9))" if held else "NULL"
    return f"CASE WHEN ConsumedUnit = 'Tokens' THEN ConsumedQuantity ELSE {counted} END"


def measure(session: Session, columns: Mapping[str, str], source: str) -> Shape:
    """Look at the numbers of the origin rows in `source` and of the table `plans`."""
    units = _units(columns)
    names = list(units)
    found = session.one(
        f"SELECT {', '.join(f'max(abs({units[n]}))' for n in names)}, "
        f"max(abs({exact.whole('PricingQuantity')})) FROM (SELECT *, {_step()} AS q_step FROM {source})"
    )
    whole, weight, size = session.one("SELECT max(wsum), max(list_max(ws)), max(size) FROM plans")
    largest = {n: int(v) for n, v in zip(names, found, strict=False) if v is not None}
    return Shape(largest, int(found[-1] or 0), int(whole or 1), int(weight or 1), int(size or 1))


def unmeasured(columns: Mapping[str, str]) -> Shape:
    """A shape that holds for any rows, and is slow."""
    return Shape(dict.fromkeys(_units(columns), 10**38), 10**38, 10**18, 10**18, 10**6)


def origins_sql(columns: Mapping[str, str], source: str, shape: Shape, keep: Collection[str] = ()) -> str:
    """SELECT of the origin rows with what their split needs: units, remainders per target (lists) and ranks.

    `keep` names further columns that pass through.
    """
    units = {n: sql for n, sql in _units(columns).items() if n in shape.largest}
    forms = [shape.form(n) for n in units]
    needed = [c for c in _NEEDED if c in columns]
    raw = ", ".join(["r.seq", "r.plan_no", *(f"r.{ident(c)}" for c in dict.fromkeys([*needed, *keep]))])
    level = (
        f"SELECT {raw}, p.ws, p.suffixes, p.masks, p.wsum, p.size, p.first_target, {_step()} AS q_step, "
        f"{_tag_mask(columns)} AS tag_mask FROM {source} r JOIN plans p ON p.no = r.plan_no"
    )
    level = _add(level, [f.units(units[f.name]) for f in forms])
    level = _add(level, [p for f in forms for p in f.parts()])
    level = _add(level, [d for f in forms for d in f.digits()])
    level = _add(level, [
        f"CASE WHEN b_{f.name} > 0 THEN list_transform(ws, lambda w: {f.remainder()}) END AS r_{f.name}" for f in forms
    ])  # fmt: skip
    return _add(level, [m for f in forms for m in f.missing()])


def amounts_sql(columns: Mapping[str, str], source: str, shape: Shape) -> str:
    """SELECT of the shares of the rows in `source` (columns of the file, plus `seq` and `plan_no`).

    Columns: seq, target (its number over all plans), the summable columns of the file, x_ChargeId, clash.
    """
    level = origins_sql(columns, source, shape)
    names = [n for n in _units(columns) if n in shape.largest]
    lists = ", ".join(f"unnest(r_{n}) AS r_{n}" for n in names)
    gone = ", ".join(["ws", "suffixes", "masks", *(f"r_{n}" for n in names)])
    level = (
        f"SELECT * EXCLUDE ({gone}), unnest(ws) AS w, unnest(suffixes) AS suffix, unnest(masks) AS mask, "
        f"unnest(range(1, size + 1)) AS pos{', ' + lists if lists else ''} FROM ({level})"
    )
    return shares_of(columns, level, shape)


def shares_of(columns: Mapping[str, str], level: str, shape: Shape, carry: Collection[str] = ()) -> str:
    """SELECT of the amounts of shares from rows with one target each (w, suffix, mask, pos, r_...)."""
    names = [n for n in _units(columns) if n in shape.largest]
    level = _add(level, [shape.form(n).share() for n in names])
    exact = "s_q" if shape.quantity < 2**62 else "CAST(s_q AS HUGEINT)"
    level = _add(level, [f"{exact} * q_step AS billionths"] if "q" in names else [])
    for step in _measures(columns, names):
        level = _add(level, [f"{sql} AS {ident('v_' + n)}" for n, sql in step.items()])
    chosen = [f"{ident('v_' + n)} AS {ident(n)}" for n in measured(columns, shape) if n != "x_ChargeId"]
    if "x_ChargeId" in columns:
        # chr(31) is in the suffix already, before each of its parts
        whole = "CASE WHEN x_ChargeId IS NULL THEN substr(suffix, 2) ELSE x_ChargeId || suffix END"
        chosen.append(f"left(md5({whole}), 16) AS x_ChargeId")
    held = ", ".join(["seq", "first_target + pos - 1 AS target", *carry, *chosen, "(tag_mask & mask) > 0 AS clash"])
    return f"SELECT {held} FROM ({level})"


def remainders(shape: Shape) -> str:
    """SQL of the remainders `r_<name>` of rows with one target each, as `shares_of` reads them."""
    forms = [shape.form(n) for n in shape.largest]
    return ", ".join(f"CASE WHEN b_{f.name} > 0 THEN {f.remainder()} END AS r_{f.name}" for f in forms)


def measured(columns: Mapping[str, str], shape: Shape) -> list[str]:
    """Columns of a share that are not those of its origin because they were split, in the order of the file."""
    known = {n for step in _measures(columns, list(shape.largest)) for n in step} | {"x_ChargeId"}
    return [n for n in columns if n in known]


def suffix(method_id: str, resource: str | None, reason: str | None) -> str:
    """What the id of a share adds to the id of its origin before it is hashed."""
    return "".join(f"\x1f{part}" for part in (method_id, resource, reason) if part is not None)


def mask(fields: Collection[str]) -> int:
    """Owner fields as bits."""
    return sum(1 << i for i, name in enumerate(FIELDS) if name in fields)


_NEEDED = (
    "PricingQuantity", "PricingUnit", "ConsumedQuantity", "ListUnitPrice", "ContractedUnitPrice", "ListCost",
    "ContractedCost", "EffectiveCost", "BilledCost", "PricingCurrencyEffectiveCost",
    "PricingCurrencyContractedUnitPrice", "CommitmentDiscountQuantity", *TOKENS, *_COUNTS.values(), "x_ChargeId",
)  # fmt: skip


def _add(level: str, parts: Collection[str]) -> str:
    return f"SELECT *, {', '.join(parts)} FROM ({level})" if parts else level


def _tag_mask(columns: Mapping[str, str]) -> str:
    """SQL of the owner fields that Tags of an origin names."""
    if "Tags" not in columns:
        return "0"
    bits = " + ".join(
        f"CASE WHEN list_contains(json_keys(r.Tags), {literal(name)}) THEN {1 << i} ELSE 0 END"
        for i, name in enumerate(FIELDS)
    )
    return f"CASE WHEN r.Tags IS NULL OR r.Tags = '{{}}' OR NOT json_valid(r.Tags) THEN 0 ELSE {bits} END"


def _step() -> str:
    """SQL of the smallest share of a quantity in billionths: a whole token where the row counts whole tokens."""
    cases = " ".join(
        f"WHEN PricingUnit = '{unit}' AND {exact.whole('PricingQuantity')} % {step} = 0 THEN {step}"
        for unit, step in _STEPS.items()
    )
    return f"CASE {cases} ELSE 1 END"


def _size() -> str:
    """SQL of the units in one priced block, from the text of PricingUnit."""
    number = "regexp_extract(PricingUnit, '^([0-9]+) ', 1)"
    return f"CASE WHEN {number} <> '' THEN CAST({number} AS HUGEINT) ELSE 1 END"


def _derives(cost: str, price: str) -> str:
    return f"(PricingQuantity IS NOT NULL AND {price} IS NOT NULL AND {price} * PricingQuantity = {cost})"


def _units(columns: Mapping[str, str]) -> dict[str, str]:
    """What must be split by itself, in whole units; null where it follows from the quantity or is not there."""
    found = {"q": f"{exact.whole('PricingQuantity')} // q_step"}
    linear = f"{exact.whole('ConsumedQuantity')} = {exact.whole('PricingQuantity')} * {_size()}"
    own = f"ConsumedQuantity IS NOT NULL AND NOT coalesce({linear}, FALSE)"
    found["k"] = f"CASE WHEN {own} THEN {exact.whole('ConsumedQuantity')} END"
    for name, (cost, price) in _PRODUCT.items():
        found[name] = f"CASE WHEN NOT {_derives(cost, price)} THEN {exact.whole(cost)} END"
    found["e"] = f"CASE WHEN EffectiveCost IS DISTINCT FROM ContractedCost THEN {exact.whole('EffectiveCost')} END"
    found["b"] = f"CASE WHEN BilledCost IS DISTINCT FROM EffectiveCost THEN {exact.whole('BilledCost')} END"
    if "PricingCurrencyEffectiveCost" in columns:
        held = "PricingCurrencyEffectiveCost"
        follows = f"{held} IS NOT DISTINCT FROM EffectiveCost OR {_derives(held, 'PricingCurrencyContractedUnitPrice')}"
        found["p"] = f"CASE WHEN NOT ({follows}) THEN {exact.whole(held)} END"
    if "CommitmentDiscountQuantity" in columns:
        found["m"] = (
            f"CASE WHEN CommitmentDiscountQuantity IS NOT NULL THEN {exact.whole('CommitmentDiscountQuantity')} END"
        )
    tokens = [c for c in TOKENS if c in columns]
    if tokens:
        # The token columns of a row count what it consumed: whole tokens need no second split.
        count = f"coalesce({', '.join(tokens)})"
        same = f"q_step > 1 AND {count} = {exact.whole('PricingQuantity')} // q_step"
        found["t"] = f"CASE WHEN NOT ({same}) THEN CAST({count} AS HUGEINT) END"
    for name, column in _COUNTS.items():
        if column in columns:
            found[name] = f"CAST({column} AS HUGEINT)"
    return found


def _nine(units: str, precision: int) -> str:
    """SQL of billionths as a quantity of 19 or 38 digits."""
    digits = 19 if precision == 19 else 29
    return (
        f"CAST(CAST({units} AS DECIMAL({digits}, 0)) * CAST(0.000000001 AS DECIMAL(9, 9)) AS DECIMAL({precision}, 9))"
    )


def _measures(columns: Mapping[str, str], units: Collection[str]) -> list[dict[str, str]]:
    """SQL of the summable columns of a share, step by step: a later one may read the earlier ones as `v_<name>`.

    A column of which no origin row has anything to split is left out where it would be null throughout.
    """

    def own(name: str, apart: str, follows: str) -> str:
        return f"CASE WHEN u_{name} IS NOT NULL THEN {apart} ELSE {follows} END" if name in units else follows

    quantity = {}
    if "q" in units:
        quantity["PricingQuantity"] = _nine("billionths", 19)
    if {"q", "k"} & set(units):
        consumed = f"CAST(billionths AS HUGEINT) * {_size()}" if "q" in units else "NULL"
        quantity["ConsumedQuantity"] = (
            f"CASE WHEN ConsumedQuantity IS NOT NULL THEN {_nine(own('k', 's_k', consumed), 38)} END"
        )

    def product(price: str) -> str:
        return f"CAST({f'v_PricingQuantity * {price}' if 'q' in units else 'NULL'} AS DECIMAL(38, 18))"

    def split(name: str) -> str:
        return exact.cost(f"CAST(s_{name} AS HUGEINT)")

    costs = {c: own(n, split(n), product(price)) for n, (c, price) in _PRODUCT.items()}
    effective = {"EffectiveCost": own("e", split("e"), "v_ContractedCost")}
    billed = {"BilledCost": own("b", split("b"), "v_EffectiveCost")}
    held = "PricingCurrencyEffectiveCost"
    if held in columns:
        derived = product("PricingCurrencyContractedUnitPrice")
        follows = f"CASE WHEN {held} = EffectiveCost THEN v_EffectiveCost ELSE {derived} END"
        billed[held] = f"CASE WHEN {held} IS NOT NULL THEN {own('p', split('p'), follows)} END"
    rest = {}
    if "m" in units:
        rest["CommitmentDiscountQuantity"] = _nine("s_m", 38)
    if "t" in units or "q" in units:
        for column in TOKENS:
            if column in columns:
                share = own("t", "s_t", "s_q" if "q" in units else "NULL")
                rest[column] = f"CASE WHEN {column} IS NOT NULL THEN CAST({share} AS BIGINT) END"
    for name, column in _COUNTS.items():
        if name in units:
            rest[column] = f"CAST(s_{name} AS BIGINT)"
    return [quantity, costs, effective, billed, rest]
