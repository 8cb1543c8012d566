"""Plans as tables of the engine, and whole shares as SQL: the amounts of a share beside what names its receiver.

`create_plans` turns plans into `plans` and `targets`. Tags and every other dimension of a share stay its origin's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from focus_ai.allocation.amounts import Shape, amounts_sql, mask, measured, suffix, unmeasured
from focus_ai.allocation.kept import name_of
from focus_ai.allocation.rules import FIELDS, Target
from focus_ai.allocation.split import integers, split
from focus_ai.allocation.weights import Plan
from focus_ai.engine import Session, ident
from focus_ai.money import CTX, largest_remainder, text

#: Weights are whole numbers up to this sum, so that every product fits into 128 bits.
LARGEST = 10**18
#: Texts of the table `targets`.
TARGET_TEXTS = ("suffix", "method_id", "details", "resource_id", "resource_name", "tags", "tags_prefixed", "reason",
                "evidence", "status", *FIELDS)  # fmt: skip
_OWNER = {
    "team": "x_Team", "product": "x_Product", "feature": "x_Feature", "environment": "x_Environment",
    "cost_center": "x_CostCenter", "business_unit": "x_BusinessUnit",
}  # fmt: skip


def allocated_names(columns: Mapping[str, str]) -> dict[str, str]:
    """The five FOCUS columns of an allocation, as these rows call them (`x_` in 1.2)."""
    prefix = "" if "AllocatedMethodId" in columns else "x_"
    return {n: f"{prefix}Allocated{n}" for n in ("MethodId", "MethodDetails", "ResourceId", "ResourceName", "Tags")}


def create_plans(session: Session, plans: Sequence[Plan]) -> None:
    """Tables `plans` (one row each, weights as a list) and `targets` (numbered over all plans), in their order."""
    import pyarrow as pa

    heads: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for number, plan in enumerate(plans):
        ordered = _ordered(plan)
        details = _details(plan)
        first = len(rows)
        for pos, (target, weight) in enumerate(ordered, 1):
            fields = _target_row(plan, target, details[target])
            rows.append({"target": first + pos - 1, "plan_no": number, "pos": pos, "w": weight,
                         "mask": mask(dict(target.owner)), **fields})  # fmt: skip
        found = rows[first:]
        heads.append({
            "no": number, "ws": [r["w"] for r in found], "wsum": sum(r["w"] for r in found), "size": len(found),
            "first_target": first, "masks": [r["mask"] for r in found], "suffixes": [r["suffix"] for r in found],
        })  # fmt: skip
    kinds = {"ws": pa.list_(pa.int64()), "masks": pa.list_(pa.int64()), "suffixes": pa.list_(pa.string())}
    _register(session, "plans", pa.table({
        n: pa.array([h[n] for h in heads], kinds.get(n, pa.int64()))
        for n in ("no", "ws", "wsum", "size", "first_target", "masks", "suffixes")
    }))  # fmt: skip
    numbers = {n: pa.array([r[n] for r in rows], pa.int64()) for n in ("target", "plan_no", "pos", "w", "mask")}
    _register(
        session, "targets",
        pa.table({**numbers, **{n: pa.array([r[n] for r in rows], pa.string()) for n in TARGET_TEXTS}}),
    )  # fmt: skip


def _register(session: Session, name: str, data: Any) -> None:
    session.connection.register("incoming_plans", data)
    session.sql(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM incoming_plans")
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
    resource = None if nobody else name_of(target)
    evidence = json.dumps(dict.fromkeys(sorted(owner), f"allocation:{plan.rule.method_id}"), separators=(",", ":"))
    return {
        "suffix": suffix(plan.rule.method_id, resource, target.reason),
        "method_id": plan.rule.method_id, "details": details, "resource_id": resource,
        "resource_name": None if nobody else target.name or resource,
        "tags": None if nobody else _json(owner), "tags_prefixed": None if nobody else _json(
            {f"allocated_{n}": v for n, v in owner.items()}
        ), "reason": target.reason,
        "evidence": evidence if owner else None,
        "status": "unattributed" if nobody else "owned" if "team" in owner else "partial",
        **{name: owner.get(name) for name in FIELDS},
    }  # fmt: skip


def _json(value: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(value.items())), separators=(",", ":"), ensure_ascii=False)


def shares_sql(columns: Mapping[str, str], source: str, shape: Shape | None = None) -> str:
    """SELECT of the whole shares of the rows in `source` (columns of the file, plus `seq` and `plan_no`).

    The columns are those of the file and `seq`, `pos` for the order. A measured `shape` makes it quicker.
    """
    shape = shape or unmeasured(columns)
    known = {
        **{n: f"a.{ident(n)}" for n in measured(columns, shape)},
        **{n: f"t.{field}" if field else "CAST(NULL AS VARCHAR)" for n, field in facts(columns).items()},
        allocated_names(columns)["Tags"]: "CASE WHEN a.clash THEN t.tags_prefixed ELSE t.tags END",
        "x_OriginChargeId": "o.x_ChargeId",
    }
    chosen = ", ".join(f"{known.get(n, f'o.{ident(n)}')} AS {ident(n)}" for n in columns)
    return (
        f"SELECT {chosen}, a.seq AS seq, t.pos AS pos FROM ({amounts_sql(columns, source, shape)}) a "
        f"JOIN {source} o ON o.seq = a.seq JOIN targets t ON t.target = a.target"
    )


def facts(columns: Mapping[str, str]) -> dict[str, str | None]:
    """Column of a share -> the text of `targets` it holds (None: it is empty). Not Tags and the id of the origin."""
    names = allocated_names(columns)
    found = {
        names["MethodId"]: "method_id", names["MethodDetails"]: "details", names["ResourceId"]: "resource_id",
        names["ResourceName"]: "resource_name", "x_OwnerStatus": "status", "x_UnattributedReason": "reason",
        "x_OwnerEvidence": "evidence", "x_Owner": None, **{column: field for field, column in _OWNER.items()},
    }  # fmt: skip
    return {n: field for n, field in found.items() if n in columns}
