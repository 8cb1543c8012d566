"""The rows of the shares: largest remainder in whole numbers inside the engine, set-based, any number of rows.

Every origin row meets the weights of its plan as one list. Quantities are split in units of a billionth (tokens: whole
tokens), costs follow from the unit prices; what has no price is split on its own at 18 places. Rows stream: the lists
are computed per origin row and unnested, nothing is grouped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from focus_ai.allocation.rules import FIELDS, Target
from focus_ai.allocation.split import integers, split
from focus_ai.allocation.weights import Plan
from focus_ai.engine import Session, ident
from focus_ai.money import CTX, largest_remainder, text

#: Weights are whole numbers up to this sum, so that every product fits into 128 bits.
LARGEST = 10**18
_TOKENS = ("x_InputTokens", "x_CacheReadTokens", "x_CacheWriteTokens", "x_OutputTokens")
_OWNER = {
    "team": "x_Team", "product": "x_Product", "feature": "x_Feature", "environment": "x_Environment",
    "cost_center": "x_CostCenter", "business_unit": "x_BusinessUnit",
}  # fmt: skip
#: Amounts that are split, each with the name of its list columns.
_PARTS = ("q", "k", "l", "c", "e", "b", "p", "m", "t", "r", "n")
_STEPS = {"1000000 Tokens": 1_000, "1000 Tokens": 1_000_000, "Tokens": 1_000_000_000}


def allocated_names(columns: Mapping[str, str]) -> dict[str, str]:
    """The five FOCUS columns of an allocation, as these rows call them (`x_` in 1.2)."""
    prefix = "" if "AllocatedMethodId" in columns else "x_"
    return {n: f"{prefix}Allocated{n}" for n in ("MethodId", "MethodDetails", "ResourceId", "ResourceName", "Tags")}


def create_plans(session: Session, plans: Sequence[Plan]) -> None:
    """Tables `plans` (no, ws, wsum, size) and `targets` (plan_no, pos, ...) from the plans in their order."""
    import pyarrow as pa

    heads, rows = [], []
    for number, plan in enumerate(plans):
        ordered = _ordered(plan)
        weights = [w for _, w in ordered]
        heads.append(
            {"no": number, "ws": [Decimal(w) for w in weights], "wsum": Decimal(sum(weights)), "size": len(weights)}
        )
        details = _details(plan)
        for pos, (target, weight) in enumerate(ordered, 1):
            rows.append(
                {"plan_no": number, "pos": pos, "w": Decimal(weight), **_target_row(plan, target, details[target])}
            )
    whole = pa.decimal128(38, 0)
    _register(session, "plans", pa.table({
        "no": pa.array([h["no"] for h in heads], pa.int64()),
        "ws": pa.array([h["ws"] for h in heads], pa.list_(whole)),
        "wsum": pa.array([h["wsum"] for h in heads], whole),
        "size": pa.array([h["size"] for h in heads], pa.int64()),
    }), "SELECT no, CAST(ws AS HUGEINT[]) AS ws, CAST(wsum AS HUGEINT) AS wsum, "
        "CAST(size AS HUGEINT) AS size")  # fmt: skip
    names = ["method_id", "details", "resource_id", "resource_name", "tags", "tags_prefixed", "reason", "evidence",
             "status", *FIELDS]  # fmt: skip
    held = {
        "plan_no": pa.array([r["plan_no"] for r in rows], pa.int64()),
        "pos": pa.array([r["pos"] for r in rows], pa.int64()),
        "w": pa.array([r["w"] for r in rows], whole),
        "tag_keys": pa.array([r["tag_keys"] for r in rows], pa.list_(pa.string())),
        **{n: pa.array([r[n] for r in rows], pa.string()) for n in names},
    }
    _register(session, "targets", pa.table(held), "SELECT * REPLACE (CAST(w AS HUGEINT) AS w)")


def _register(session: Session, name: str, data: Any, select: str) -> None:
    session.connection.register("incoming_plans", data)
    session.sql(f"CREATE OR REPLACE TABLE {name} AS {select} FROM incoming_plans")
    session.connection.unregister("incoming_plans")


def _ordered(plan: Plan) -> list[tuple[Target, int]]:
    """Targets with whole weights, in the order that ties are broken by: larger weight, then smaller key."""
    ratios = {t: r for t, r in plan.ratios().items() if r}
    targets = sorted(ratios, key=lambda t: t.key)
    weights = integers([ratios[t] for t in targets])
    if sum(weights) > LARGEST:
        weights = largest_remainder(LARGEST, weights, [t.key for t in targets])
    kept = [(t, w) for t, w in zip(targets, weights, strict=True) if w]
    return sorted(kept, key=lambda item: (-item[1], item[0].key))


def _details(plan: Plan) -> dict[Target, str]:
    """AllocatedMethodDetails of every target; the ratios of all elements of a plan add up to 1 exactly."""
    flat = [(t, n, e) for t, found in plan.elements.items() for n, e in enumerate(found)]
    ratios = split(Decimal(1), {_key(t, n): e.ratio for t, n, e in flat}, 12)
    found: dict[Target, list[str]] = {}
    for target, number, element in flat:
        ratio = ratios[_key(target, number)]
        words = [f'"AllocatedRatio":{text(ratio)}']
        if element.unit and element.quantity is not None:
            words.append(f'"UsageUnit":{json.dumps(element.unit)}')
            words.append(f'"UsageQuantity":{text(decimal(element.quantity))}')
        found.setdefault(target, []).append("{" + ",".join(words) + "}")
    return {t: '{"Elements":[' + ",".join(parts) + "]}" for t, parts in found.items()}


def _key(target: Target, number: int) -> str:
    return f"{target.key}\x00{number:03d}"


def decimal(value: Fraction) -> Decimal:
    """A fraction as a decimal: exact when it is finite, else to nine places."""
    exact = CTX.divide(Decimal(value.numerator), Decimal(value.denominator))
    return exact if Fraction(exact) == value else CTX.quantize(exact, Decimal("0.000000001"))


def _target_row(plan: Plan, target: Target, details: str) -> dict[str, Any]:
    owner = dict(target.owner)
    nobody = target.reason is not None
    resource = None if nobody else target.resource or "/".join([target.owner[-1][0], *(v for _, v in target.owner)])
    evidence = json.dumps(dict.fromkeys(sorted(owner), f"allocation:{plan.rule.method_id}"), separators=(",", ":"))
    return {
        "method_id": plan.rule.method_id, "details": details, "resource_id": resource,
        "resource_name": None if nobody else target.name or resource,
        "tags": None if nobody else _json(owner), "tags_prefixed": None if nobody else _json(
            {f"allocated_{n}": v for n, v in owner.items()}
        ), "tag_keys": sorted(owner), "reason": target.reason,
        "evidence": evidence if owner else None,
        "status": "unattributed" if nobody else "owned" if "team" in owner else "partial",
        **{name: owner.get(name) for name in FIELDS},
    }  # fmt: skip


def _json(value: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(value.items())), separators=(",", ":"), ensure_ascii=False)


def shares_sql(columns: Mapping[str, str], source: str) -> str:
    """SELECT of the shares of the rows in `source` (columns of the file, plus `seq` and `plan_no`), in file order.

    The columns are those of the file and `seq`, `pos` for the order.
    """
    have = columns.__contains__
    units = _units(columns)
    level = (
        f"SELECT r.*, p.ws, p.wsum, p.size AS n_targets, {_step()} AS q_step FROM {source} r "
        "JOIN plans p ON p.no = r.plan_no"
    )
    level = "SELECT *, " + ", ".join(f"{sql} AS u_{n}" for n, sql in units.items()) + f" FROM ({level})"
    level = "SELECT *, " + ", ".join(
        f"abs(u_{n}) // wsum AS a_{n}, abs(u_{n}) % wsum AS b_{n}" for n in units
    ) + f" FROM ({level})"  # fmt: skip
    level = "SELECT *, " + ", ".join(
        f"CASE WHEN b_{n} > 0 THEN list_transform(ws, lambda w: (b_{n} * w) % wsum) END AS r_{n}" for n in units
    ) + f" FROM ({level})"  # fmt: skip
    level = "SELECT *, " + ", ".join(
        f"list_sum(r_{n}) // wsum AS m_{n}, list_transform(r_{n}, lambda r, i: r * n_targets + n_targets - i) AS g_{n}"
        for n in units
    ) + f" FROM ({level})"  # fmt: skip
    level = "SELECT *, " + ", ".join(
        f"CASE WHEN m_{n} > 0 THEN list_sort(g_{n}, 'DESC')[CAST(m_{n} AS BIGINT)] END AS h_{n}" for n in units
    ) + f", unnest(range(1, CAST(n_targets AS BIGINT) + 1)) AS pos FROM ({level})"  # fmt: skip
    parts = ", ".join(
        f"CASE WHEN u_{n} IS NOT NULL THEN sign(u_{n}) * (a_{n} * ws[pos] + CASE WHEN b_{n} > 0 THEN "
        f"(b_{n} * ws[pos] - r_{n}[pos]) // wsum + CASE WHEN g_{n}[pos] >= h_{n} THEN 1 ELSE 0 END "
        f"ELSE 0 END) END AS s_{n}"
        for n in units
    )
    level = f"SELECT *, {parts} FROM ({level})"
    names = allocated_names(columns)
    known = {
        **_measures(columns, units), **_facts(columns, names),
        **({"x_ChargeId": "left(md5(concat_ws(chr(31), o.x_ChargeId, t.method_id, t.resource_id, t.reason)), 16)"}
           if have("x_ChargeId") else {}),
    }  # fmt: skip
    chosen = ", ".join(f"{known.get(n, f'o.{ident(n)}')} AS {ident(n)}" for n in columns)
    return (
        f"SELECT {chosen}, o.seq AS seq, o.pos AS pos FROM ({level}) o "
        "JOIN targets t ON t.plan_no = o.plan_no AND t.pos = o.pos"
    )


def _step() -> str:
    """SQL of the smallest share of a quantity in billionths: a whole token where the row counts whole tokens."""
    cases = " ".join(
        f"WHEN PricingUnit = '{unit}' AND {_whole('PricingQuantity')} % {step} = 0 THEN {step}"
        for unit, step in _STEPS.items()
    )
    return f"CASE {cases} ELSE 1 END"


def _whole(column: str) -> str:
    """SQL of a decimal as the whole number of its smallest units."""
    return f"CAST(replace(CAST({column} AS VARCHAR), '.', '') AS HUGEINT)"


def _size() -> str:
    """SQL of the units in one priced block, from the text of PricingUnit."""
    number = "regexp_extract(PricingUnit, '^([0-9]+) ', 1)"
    return f"CASE WHEN {number} <> '' THEN CAST({number} AS HUGEINT) ELSE 1 END"


_PRODUCT = {"l": ("ListCost", "ListUnitPrice"), "c": ("ContractedCost", "ContractedUnitPrice")}


def _derives(cost: str, price: str) -> str:
    return f"(PricingQuantity IS NOT NULL AND {price} IS NOT NULL AND {price} * PricingQuantity = {cost})"


def _units(columns: Mapping[str, str]) -> dict[str, str]:
    """What must be split by itself, in whole units; null where it follows from the quantity or is not there."""
    found = {"q": f"{_whole('PricingQuantity')} // q_step"}
    linear = f"{_whole('ConsumedQuantity')} = {_whole('PricingQuantity')} * {_size()}"
    own = f"ConsumedQuantity IS NOT NULL AND NOT coalesce({linear}, FALSE)"
    found["k"] = f"CASE WHEN {own} THEN {_whole('ConsumedQuantity')} END"
    for name, (cost, price) in _PRODUCT.items():
        found[name] = f"CASE WHEN NOT {_derives(cost, price)} THEN {_whole(cost)} END"
    found["e"] = f"CASE WHEN EffectiveCost IS DISTINCT FROM ContractedCost THEN {_whole('EffectiveCost')} END"
    found["b"] = f"CASE WHEN BilledCost IS DISTINCT FROM EffectiveCost THEN {_whole('BilledCost')} END"
    if "PricingCurrencyEffectiveCost" in columns:
        held = "PricingCurrencyEffectiveCost"
        follows = f"{held} IS NOT DISTINCT FROM EffectiveCost OR {_derives(held, 'PricingCurrencyContractedUnitPrice')}"
        found["p"] = f"CASE WHEN NOT ({follows}) THEN {_whole(held)} END"
    if "CommitmentDiscountQuantity" in columns:
        found["m"] = f"CASE WHEN CommitmentDiscountQuantity IS NOT NULL THEN {_whole('CommitmentDiscountQuantity')} END"
    tokens = [c for c in _TOKENS if c in columns]
    if tokens:
        # The token columns of a row count what it consumed: whole tokens need no second split.
        count = f"coalesce({', '.join(tokens)})"
        same = f"q_step > 1 AND {count} = {_whole('PricingQuantity')} // q_step"
        found["t"] = f"CASE WHEN NOT ({same}) THEN CAST({count} AS HUGEINT) END"
    for name, column in (("r", "x_ReasoningTokens"), ("n", "x_RequestCount")):
        if column in columns:
            found[name] = f"CAST({column} AS HUGEINT)"
    return found


def _nine(units: str, precision: int) -> str:
    """SQL of billionths as a quantity of 19 or 38 digits."""
    digits = 19 if precision == 19 else 29
    return (
        f"CAST(CAST({units} AS DECIMAL({digits}, 0)) * CAST(0.000000001 AS DECIMAL(9, 9)) AS DECIMAL({precision}, 9))"
    )


def _eighteen(units: str) -> str:
    """SQL of 10^-18 units as a cost; in two halves, because a decimal holds 38 digits."""
    high, low = f"({units} // 1000000000000000000)", f"({units} % 1000000000000000000)"
    return (
        f"CAST(CAST({high} AS DECIMAL(20, 0)) AS DECIMAL(38, 18)) + "
        f"CAST(CAST({low} AS DECIMAL(19, 0)) * CAST(0.000000000000000001 AS DECIMAL(18, 18)) AS DECIMAL(38, 18))"
    )


def _measures(columns: Mapping[str, str], units: Mapping[str, str]) -> dict[str, str]:
    """SQL of the summable columns of a share."""
    quantity = _nine("o.s_q * o.q_step", 19)
    found = {"PricingQuantity": f"CASE WHEN o.PricingQuantity IS NOT NULL THEN {quantity} END"}
    size = _size().replace("PricingUnit", "o.PricingUnit")
    consumed = f"CASE WHEN o.u_k IS NOT NULL THEN o.s_k ELSE o.s_q * o.q_step * {size} END"
    found["ConsumedQuantity"] = f"CASE WHEN o.ConsumedQuantity IS NOT NULL THEN {_nine(f'({consumed})', 38)} END"

    def product(price: str) -> str:
        return f"CAST({quantity} * o.{price} AS DECIMAL(38, 18))"

    costs = {}
    for name, (cost, price) in _PRODUCT.items():
        costs[cost] = f"CASE WHEN o.u_{name} IS NOT NULL THEN {_eighteen(f'o.s_{name}')} ELSE {product(price)} END"
    costs["EffectiveCost"] = f"CASE WHEN o.u_e IS NOT NULL THEN {_eighteen('o.s_e')} ELSE {costs['ContractedCost']} END"
    costs["BilledCost"] = f"CASE WHEN o.u_b IS NOT NULL THEN {_eighteen('o.s_b')} ELSE {costs['EffectiveCost']} END"
    found |= costs
    if "p" in units:
        own = product("PricingCurrencyContractedUnitPrice")
        held = "o.PricingCurrencyEffectiveCost"
        found["PricingCurrencyEffectiveCost"] = (
            f"CASE WHEN {held} IS NULL THEN NULL WHEN o.u_p IS NOT NULL THEN {_eighteen('o.s_p')} "
            f"WHEN {held} = o.EffectiveCost THEN {costs['EffectiveCost']} ELSE {own} END"
        )
    if "m" in units:
        found["CommitmentDiscountQuantity"] = f"CASE WHEN o.u_m IS NOT NULL THEN {_nine('o.s_m', 38)} END"
    if "t" in units:
        for column in _TOKENS:
            if column in columns:
                share = "CASE WHEN o.u_t IS NOT NULL THEN o.s_t ELSE o.s_q END"
                found[column] = f"CASE WHEN o.{column} IS NOT NULL THEN CAST({share} AS BIGINT) END"
    for name, column in (("r", "x_ReasoningTokens"), ("n", "x_RequestCount")):
        if name in units:
            found[column] = f"CAST(o.s_{name} AS BIGINT)"
    return found


def _facts(columns: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """SQL of what names the receiver. Tags and every other dimension stay those of the origin."""
    clash = "o.Tags IS NOT NULL AND len(list_intersect(json_keys(o.Tags), t.tag_keys)) > 0"
    found = {
        names["MethodId"]: "t.method_id", names["MethodDetails"]: "t.details", names["ResourceId"]: "t.resource_id",
        names["ResourceName"]: "t.resource_name",
        names["Tags"]: f"CASE WHEN {clash} THEN t.tags_prefixed ELSE t.tags END",
        "x_OriginChargeId": "o.x_ChargeId", "x_OwnerStatus": "t.status", "x_UnattributedReason": "t.reason",
        "x_OwnerEvidence": "t.evidence", "x_Owner": "CAST(NULL AS VARCHAR)",
        **{column: f"t.{field}" for field, column in _OWNER.items()},
    }  # fmt: skip
    return {n: sql for n, sql in found.items() if n in columns}
