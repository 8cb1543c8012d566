"""The rows that `convert` writes keep every rule of FOCUS 1.2, 1.3 and 1.4 that the data can decide.

All golden inputs of the repository, bills with every kind of charge, contracts, a second currency, prepaid and shadow
accounts, and (where the folder is there) the reference samples are converted; the Parquet files are read back and
checked row by row with exact decimals. The rules are in `focus_rules.py` with the ids of the specification.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
from focus_rules import ALL, OWN_RULES, ROW_RULES, SET_RULES, Rule

from focus_ai import api
from focus_ai.adapters import shipped
from focus_ai.adapters.recognise import recognise
from focus_ai.errors import InputError
from focus_ai.focus.places import sellers
from focus_ai.pricing.billed_sku import FACTS, billed_sku
from focus_ai.pricing.card import RateCard
from focus_ai.pricing.profile import Price, Profile, resolve
from focus_ai.settings import Account, Convert, Rates, Settings
from focus_ai.sources import discover

ROOT = Path(__file__).parents[2]
EXPORTS = ROOT / "fixtures" / "exports"
SAMPLES = ROOT.parent / "shared" / "reference" / "providers" / "samples"

CONTRACTS = 'contracts: [{channel: "*", percent_off: "17.5", effective_from: "2020-01-01"}]\n'
FX = "date,base,quote,rate\n2020-01-01,USD,EUR,0.923417\n"


@dataclass(frozen=True)
class Run:
    """One conversion: what is read and how."""

    name: str
    inputs: Sequence[Path]
    settings: Settings = field(default_factory=Settings)
    mapping: Sequence[Path] = ()
    grain: str = "day"
    billed_here: bool = True


@cache
def _kind(file: Path) -> str | None:
    """`usage` or `billed`; None for a provider without an adapter, a file with no record or rows of others."""
    try:
        mapping = recognise(discover([str(file)], file.parent)[0], shipped())
    except InputError:
        return None
    return None if mapping.focus_rows else mapping.kind


def _runs(folder: Path) -> list[Run]:
    """Usage and bills apart, so that no bill keeps usage out of the rows; then the cases that no export shows."""
    runs: list[Run] = []
    samples = sorted(SAMPLES.glob("*/*")) if SAMPLES.is_dir() else []
    golden = sorted(EXPORTS.glob("*/*/*/input.*"))
    for title, files in (("fixtures", golden), ("samples", samples)):
        # One case of each usage export is enough: its other cases are about reading, not about rows.
        usage = {f.parent.parent if title == "fixtures" else f: f for f in files if _kind(f) == "usage"}
        runs.append(Run(f"{title}: usage", sorted(usage.values())))
        bills = [f for f in files if _kind(f) == "billed"]
        for name in sorted({f.relative_to(EXPORTS if title == "fixtures" else SAMPLES).parts[0] for f in bills}):
            runs.append(Run(f"{title}: bills of {name}", [f for f in bills if name in f.parts]))
    runs = [run for run in runs if run.inputs]
    bill, mapping = (Path(__file__).with_name(f"every_charge.{end}") for end in ("csv", "yaml"))
    (folder / "contracts.yaml").write_text(CONTRACTS, encoding="utf-8")
    (folder / "fx.csv").write_text(FX, encoding="utf-8")
    story = EXPORTS / "generic" / "generic-event" / "story" / "input.jsonl"
    everyone = Path(__file__).with_name("every_seller.jsonl")
    channels = sellers()
    prepaid = Settings(
        accounts={c: Account(id="acct-1", billing_mode="prepaid") for c in (*channels, "some new seller")}
    )
    shadow = Settings(accounts={c: Account(id="acct-1", billing_source="shadow") for c in channels})
    abroad = Settings(
        convert=Convert(billing_currency="EUR"),
        rates=Rates(contracts=(folder / "contracts.yaml",), fx=(folder / "fx.csv",)),
    )
    runs += [Run(f"every event, {grain}", [story], grain=grain) for grain in ("request", "hour", "month")]
    runs += [
        Run("every seller", [everyone]),
        Run("every seller, request", [everyone], grain="request"),
        Run("every charge", [bill], mapping=[mapping]),
        Run("every charge, month", [bill], mapping=[mapping], grain="month"),
        Run("every charge, prepaid", [bill], prepaid, [mapping], billed_here=False),
        Run("prepaid", [story], prepaid, billed_here=False),
        Run("shadow", [story], shadow, billed_here=False),
        Run("contract and second currency", [story], abroad),
    ]
    return runs


class Written:
    """The rows of all runs in one version, as the table `rows` (with `run`, `billed_here`, `hosted`)."""

    def __init__(self, version: str, folder: Path) -> None:
        self.con = duckdb.connect()
        self.con.execute("SET TimeZone = 'UTC'")
        self.schemas: dict[str, Any] = {}
        self.rows = 0
        import pyarrow.parquet as pq

        parts = []
        for number, run in enumerate(_runs(folder)):
            out = folder / f"out-{number}"
            api.convert(
                [str(p) for p in run.inputs], out, focus=version, settings=run.settings, mapping=run.mapping,
                grain=run.grain, validate=False,
            )  # fmt: skip
            files = sorted(out.glob("data/*/*.parquet"))
            self.schemas |= {f"{run.name}: {f.parent.name}": pq.read_schema(f) for f in files}
            parts += [
                f"SELECT '{run.name}' AS run, {run.billed_here} AS billed_here, * FROM read_parquet('{f}', "
                "hive_partitioning = false)"
                for f in files
            ]
        hosts = ", ".join(sorted({f"'{s['service']}'" for s in sellers().values() if "host" in s}))
        self.con.execute(
            f"CREATE TABLE rows AS SELECT *, ServiceName IN ({hosts}) AS hosted FROM ({' UNION ALL '.join(parts)})"
        )
        self.rows = self.con.execute("SELECT count(*) FROM rows").fetchall()[0][0]

    def offenders(self, broken: str) -> list[Any]:
        shown = "run, ChargeCategory, SkuPriceId, x_LineItem, BilledCost"
        return self.con.execute(f"SELECT {shown} FROM rows WHERE {broken} LIMIT 5").fetchall()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Written]:
    return {version: Written(version, tmp_path_factory.mktemp(f"focus-{version}")) for version in ALL}


def _cases(rules: Sequence[Rule]) -> list[Any]:
    return [pytest.param(v, r, id=f"{v} {r.id}") for r in rules for v in r.versions]


@pytest.mark.parametrize(("version", "rule"), _cases(ROW_RULES))
def test_rule_of_the_specification(written: dict[str, Written], version: str, rule: Rule) -> None:
    found = written[version].offenders(rule.broken)
    assert not found, f"{rule.id} of FOCUS {version} is broken: {found}"


@pytest.mark.parametrize(("version", "rule"), _cases(OWN_RULES))
def test_promise_about_our_own_columns(written: dict[str, Written], version: str, rule: Rule) -> None:
    found = written[version].offenders(rule.broken)
    assert not found, f"{rule.id}: {found}"


@pytest.mark.parametrize(("version", "rule"), _cases(SET_RULES))
def test_rule_over_all_rows(written: dict[str, Written], version: str, rule: Rule) -> None:
    found = written[version].con.execute(rule.broken).fetchall()
    assert not found, f"{rule.id} of FOCUS {version} is broken: {found[:5]}"


@pytest.mark.parametrize("version", ALL)
def test_the_inputs_meet_the_rules_at_all(written: dict[str, Written], version: str) -> None:
    """The rules are not satisfied by emptiness: every category, basis and currency, and several hundred rows."""
    con = written[version].con

    def values(column: str) -> set[str]:
        return {str(r[0]) for r in con.execute(f"SELECT DISTINCT {column} FROM rows").fetchall()}

    # The fixtures of the repository alone give some 290; the reference samples, where they are, come on top.
    assert written[version].rows > 250
    assert values("ChargeCategory") == {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}
    assert values("x_CostBasis") == {"rated", "billed"}
    assert values("x_QuantityBasis") == {"metered", "billed", "none", "None"}
    assert {"USD", "EUR"} <= values("BillingCurrency")
    assert len(values("ServiceName")) > 5 and len(values("SkuPriceId")) > 50
    different = "SELECT count(*) FROM rows WHERE PricingCurrency <> BillingCurrency AND ContractedCost <> ListCost"
    assert con.execute(different).fetchall()[0][0] > 0


_KIND = {"Decimal": "decimal128", "Date/Time": "timestamp[us, tz=UTC]", "String": "string", "JSON": "string"}


@pytest.mark.parametrize("version", ALL)
def test_columns_order_and_types(written: dict[str, Written], version: str) -> None:
    """ColumnHandling-A-010-M, A-012-O, A-013-O and the type rules: FOCUS columns in order, then ours, sorted."""
    facts = ROOT.parent / "shared" / "reference" / "focus" / "columns.json"
    if not facts.is_file():
        pytest.skip("the reference folder is not here: column order and types are not compared")
    columns = _reference_columns(json.loads(facts.read_text(encoding="utf-8")), version)
    assert len(columns) == {"1.2": 57, "1.3": 65, "1.4": 65}[version]
    assert written[version].schemas
    for name, schema in written[version].schemas.items():
        theirs = schema.names[: len(columns)]
        ours = schema.names[len(columns) :]
        assert theirs == [c for c, _ in columns], name
        assert ours == sorted(ours) and all(c.startswith("x_") and len(c) <= 50 for c in ours), name
        for column, kind in columns:
            assert str(schema.field(column).type).startswith(_KIND[kind]), (name, column, schema.field(column).type)


def _reference_columns(facts: Any, version: str) -> list[tuple[str, str]]:
    found = facts["versions"][version]["datasets"]["CostAndUsage"]["columns"]
    return [(c["name"], c["data_type"]) for c in found]


@pytest.mark.parametrize("version", ALL)
def test_no_text_is_empty(written: dict[str, Written], version: str) -> None:
    """NullHandling-A-002-M, StringHandling-A-007-M: null or a value, never an empty or blank text."""
    con = written[version].con
    texts = [r[0] for r in con.execute("SELECT column_name FROM duckdb_columns() WHERE table_name = 'rows' "
                                       "AND data_type = 'VARCHAR'").fetchall()]  # fmt: skip
    blank = " OR ".join(f"trim(\"{c}\") = ''" for c in texts)
    assert not written[version].offenders(blank)


@pytest.mark.parametrize(
    ("tier", "batch", "geo", "context"),
    [("default", None, None, None), ("batch", True, None, None), ("flex", False, None, None), (None, True, None, None),
     ("priority", None, None, None), ("default", False, None, 272000), (None, None, "us", None)],
)  # fmt: skip
@pytest.mark.parametrize(
    "model", ["gpt-5.4-2026-03-05", "gpt-5-2025-08-07", "claude-opus-4-6", "claude-haiku-4-5-20251001"]
)
def test_usage_and_bill_spell_one_sku_the_same(
    model: str, tier: str | None, batch: bool | None, geo: str | None, context: int | None
) -> None:
    """What the card prices has the same SkuId, SkuPriceId and details whether it was metered or billed."""
    provider = "openai" if model.startswith("gpt") else "anthropic"
    card, at = RateCard.load(), datetime(2026, 6, 1, tzinfo=UTC)
    profile = Profile(provider, (model,), tier, batch, geo, context_gt=context, aggregate=True)
    (segment,) = resolve(card, profile, ["input", "cache_read", "output"], at, at)
    facts = dict.fromkeys(FACTS) | {
        "provider": provider, "model_served": model, "service_tier": tier, "is_batch": batch, "inference_geo": geo,
        "context_gt": context,
    }  # fmt: skip
    compared = 0
    for meter, price in segment.prices.items():
        billed = billed_sku(card, facts | {"billed_meter": meter}, at, at)
        assert billed["sku_id"].split("/")[-1] == meter
        if isinstance(price, Price):
            compared += 1
            assert billed["model"] == price.model
            assert billed["sku_id"] == price.sku_id
            if context is None or f"gt{context // 1000}k" in price.sku_price_id:
                assert billed["sku_price_id"] == price.sku_price_id
                assert json.loads(billed["sku_details"]) == price.details
            else:  # the bill tells large contexts apart where the card has one price
                assert billed["sku_price_id"] == f"{price.sku_price_id}#gt{context // 1000}k"
    assert compared or (tier, geo) != ("default", None)
