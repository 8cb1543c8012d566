"""FOCUS files as one relation with the columns that the report asks for, whoever wrote them.

Out: table `spend` (grouped by day, owner, model, meter, tier, kind), table `calls` (requests per day, owner and
model), table `unit_prices`. A column that no file has is NULL, and named in `missing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from focus_ai.allocation.amounts import TOKENS
from focus_ai.engine import Session, ident, literal, literals
from focus_ai.errors import InputError

NEEDED = ("ChargePeriodStart", "EffectiveCost", "BillingCurrency")
# Ours where another file has nothing; the report says what it cannot tell without them.
WANTED = (
    "BilledCost", "ChargePeriodEnd", "ListCost", "Tags", "ServiceName", "ServiceProviderName", "ProviderName",
    "SkuPriceId", "SkuPriceDetails", "ConsumedQuantity", "ConsumedUnit", "ContractedUnitPrice", "PricingUnit",
    "ChargeCategory", "AllocatedMethodId", "AllocatedMethodDetails", "AllocatedResourceId", "AllocatedTags",
    "x_AllocatedMethodId", "x_AllocatedMethodDetails", "x_AllocatedResourceId", "x_AllocatedTags", "x_Team",
    "x_Product", "x_Feature", "x_Environment", "x_ModelId", "x_TokenType", "x_ProcessingTier", "x_RequestCount",
    "x_RequestId", "x_AttemptUse", "x_CostBasis", "x_UnattributedReason",
)  # fmt: skip
MODEL_TAGS = ("x_ModelId", "ModelId", "ModelName")
_OWNER_TAGS = {
    "team": ("team", "Team"), "product": ("product", "Application", "application"), "feature": ("feature",),
    "environment": ("environment", "env"),
}  # fmt: skip
KEYS = ("team", "product", "feature", "environment", "model", "provider")


@dataclass(frozen=True)
class Dataset:
    """What was opened: the files, which columns they have, and how many rows."""

    session: Session
    files: tuple[str, ...]
    columns: Mapping[str, str]
    rows: int

    def has(self, *names: str) -> bool:
        """Whether every column is in some file."""
        return all(name in self.columns for name in names)

    @property
    def missing(self) -> list[str]:
        """Wanted columns that no file has, in their order."""
        allocated = {n.removeprefix("x_") for n in self.columns if "Allocated" in n}
        either = {"ServiceProviderName", "ProviderName"}
        gone = [n for n in WANTED if n not in self.columns and n.removeprefix("x_") not in allocated]
        return [
            n for n in gone
            if not (n in either and either & set(self.columns)) and "Allocated" not in n
            and n not in ("x_RequestId", "x_AttemptUse")
        ]  # fmt: skip


def find_files(path: Path) -> list[Path]:
    """The data files of a data set, a folder or one file. Raises `InputError` when there is none."""
    if path.is_file():
        found = [path]
    elif path.is_dir():
        base = path / "data" if (path / "data").is_dir() else path
        found = sorted(
            p for p in base.rglob("*") if p.is_file() and p.name.lower().endswith((".parquet", ".csv", ".csv.gz"))
        )
    else:
        raise InputError("the data set does not exist", where=str(path))
    wrong = [p for p in found if not p.name.lower().endswith((".parquet", ".csv", ".csv.gz"))]
    if wrong or not found:
        raise InputError(
            "no FOCUS file was found" if not found else "this is neither Parquet nor CSV", where=str(path),
            value=str(wrong[0]) if wrong else None, expected="a data set of focus-ai, or FOCUS rows as Parquet or CSV",
            next_step="focus-ai convert INPUT --out DIR makes one",
        )  # fmt: skip
    return found


def open_rows(session: Session, files: Sequence[Path]) -> Dataset:
    """Create the view `focus_rows` over the files. Raises `InputError` when a needed column is missing."""
    import duckdb

    parquet = [str(f) for f in files if f.name.lower().endswith(".parquet")]
    csv = [str(f) for f in files if f not in map(Path, parquet)]
    parts = []
    if parquet:
        parts.append(f"SELECT * FROM read_parquet([{literals(parquet)}], union_by_name=true, hive_partitioning=false)")
    if csv:
        parts.append(
            f"SELECT * FROM read_csv([{literals(csv)}], union_by_name=true, all_varchar=true, header=true, "
            "nullstr=['', 'NULL', 'null'])"
        )
    try:
        session.sql(f"CREATE VIEW focus_rows AS {' UNION ALL BY NAME '.join(parts)}")
        described = session.rows("DESCRIBE focus_rows")
        count = session.one("SELECT count(*) FROM focus_rows")[0]
    except duckdb.Error as error:
        raise InputError(
            "the data set cannot be read", where=str(files[0]), value=str(error).split("\n")[0],
            expected="FOCUS rows as Parquet or CSV",
        ) from error  # fmt: skip
    columns = {str(row[0]): str(row[1]) for row in described}
    lacking = [name for name in NEEDED if name not in columns]
    if lacking:
        raise InputError(
            "these are no FOCUS rows", where=str(files[0]), value=", ".join(sorted(columns)[:8]),
            expected="the columns " + ", ".join(lacking),
        )  # fmt: skip
    return Dataset(session, tuple(map(str, files)), columns, int(count))


def create_tables(data: Dataset, filters: Mapping[str, str], first: str | None, last: str | None) -> None:
    """Create `spend`, `calls` and `unit_prices` of the selected rows."""
    session = data.session
    selected = _selected(data)
    tests = ["TRUE"]
    for name, value in filters.items():
        if value.casefold() == "unattributed":
            tests.append(f"{ident(name)} IS NULL")
        else:
            tests.append(f"lower({ident(name)}) = lower({literal(value)})")
    if first:
        tests.append(f"day >= DATE {literal(first)}")
    if last:
        tests.append(f"day <= DATE {literal(last)}")
    session.sql(f"CREATE TABLE chosen AS SELECT * FROM ({selected}) WHERE {' AND '.join(tests)}")
    wrong = session.one("SELECT count(*) FROM chosen WHERE day IS NULL OR cost IS NULL")[0]
    if wrong:
        raise InputError(
            "rows without a charge period or an effective cost", where=data.files[0], value=f"{wrong:,} rows",
            next_step="focus-ai validate says which",
        )  # fmt: skip
    keys = ", ".join(KEYS)
    session.sql(
        f"CREATE TABLE spend AS SELECT day, {keys}, currency, token_type, tier, category, basis, reason, method, use, "
        "long, sum(cost) AS cost, sum(coalesce(billed, 0)) AS billed, sum(tokens) AS tokens, count(*)::BIGINT AS rows "
        "FROM chosen GROUP BY ALL"
    )
    # A call with several meters counts on each of their rows: the meter with the most calls tells how many there were.
    alike = f"day, {keys}, currency, use, tier, account"
    session.sql(
        f"CREATE TABLE calls AS SELECT day, {keys}, currency, use, "
        "CAST(greatest(max(n), max(named)) AS BIGINT) AS requests "
        f"FROM (SELECT {alike}, token_type, sum(requests) FILTER (request_id IS NULL) AS n, "
        "NULL AS named FROM chosen WHERE category = 'Usage' GROUP BY ALL UNION ALL "
        f"SELECT {alike}, NULL, NULL, count(DISTINCT request_id) FROM chosen "
        f"WHERE request_id IS NOT NULL GROUP BY ALL) GROUP BY {alike} HAVING coalesce(max(n), max(named)) > 0"
    )
    session.sql(
        "CREATE TABLE unit_prices AS SELECT sku_price AS sku, day, currency, max(price) AS price, "
        "count(DISTINCT price) AS prices FROM chosen WHERE token_type = 'input' AND price IS NOT NULL "
        "AND sku_price IS NOT NULL GROUP BY ALL"
    )


def _selected(data: Dataset) -> str:
    """SELECT of the normalised columns of every row."""
    has = data.columns

    def word(name: str) -> str:
        return f"CAST({ident(name)} AS VARCHAR)" if name in has else "CAST(NULL AS VARCHAR)"

    def number(name: str, kind: str = "DECIMAL(38, 18)") -> str:
        if name not in has:
            return f"CAST(NULL AS {kind})"
        # The shortest digits of a binary number are what was meant; its exact value has a long tail of noise.
        text = f"CAST({ident(name)} AS VARCHAR)" if has[name] in ("DOUBLE", "FLOAT") else ident(name)
        return f"TRY_CAST({text} AS {kind})"

    def tag(column: str, key: str) -> str:
        if column not in has:
            return "NULL"
        if has[column].startswith("MAP"):
            return f"CAST({ident(column)}[{literal(key)}] AS VARCHAR)"
        path = literal(f'$."{key}"')
        return f"json_extract_string(TRY_CAST({ident(column)} AS JSON), {path})"

    def first(*parts: str) -> str:
        known = [p for p in parts if p != "NULL"]
        return f"NULLIF(coalesce({', '.join(known)}), '')" if known else "CAST(NULL AS VARCHAR)"

    allocated = [c for c in ("AllocatedTags", "x_AllocatedTags") if c in has]
    method = first(*(word(c) for c in ("AllocatedMethodId", "x_AllocatedMethodId") if c in has))
    owners: dict[str, str] = {}
    for name, keys in _OWNER_TAGS.items():
        own = first(word(f"x_{name.capitalize()}"), *(tag("Tags", key) for key in keys))
        # An allocated charge belongs to whom it was allocated, the rest of it to nobody; its Tags are the origin's.
        # In rows of ours x_Team and its like name the receiver.
        ours = f"x_{name.capitalize()}"
        moved = word(ours) if ours in has else first(*(tag(column, key) for column in allocated for key in keys))
        owners[name] = f"CASE WHEN {method} IS NULL THEN {own} ELSE {moved} END"
    moment = ident("ChargePeriodStart")
    day = f"CAST(TRY_CAST({moment} AS TIMESTAMPTZ) AS DATE)" if has["ChargePeriodStart"] != "DATE" else moment
    unit = word("ConsumedUnit")
    # Rows of clouds count tokens in units of their own; there our token columns tell, one of them per row.
    counted = ", ".join(number(c, "DECIMAL(38, 6)") for c in TOKENS)
    size = f"TRY_CAST(regexp_extract({word('PricingUnit')}, '^([0-9]+) ', 1) AS BIGINT)"
    price = f"CAST({number('ContractedUnitPrice')} AS DECIMAL(18, 9))"
    columns = {
        "day": day,
        **owners,
        "model": first(word("x_ModelId"), *(tag("SkuPriceDetails", key) for key in MODEL_TAGS)),
        "provider": first(word("ServiceProviderName"), word("ProviderName")),
        "currency": word("BillingCurrency"),
        "cost": number("EffectiveCost"),
        "billed": number("BilledCost"),
        "tokens": f"CASE WHEN {unit} = 'Tokens' THEN CAST({number('ConsumedQuantity')} AS DECIMAL(38, 6)) "
        f"ELSE coalesce({counted}) END",
        "token_type": word("x_TokenType"),
        "tier": word("x_ProcessingTier"),
        "category": f"coalesce({word('ChargeCategory')}, 'Usage')",
        "basis": word("x_CostBasis"),
        "reason": word("x_UnattributedReason"),
        "method": method,
        "details": first(*(word(c) for c in ("AllocatedMethodDetails", "x_AllocatedMethodDetails") if c in has)),
        "sku_price": word("SkuPriceId"),
        # The price of a million tokens; blocks of another size are brought to it where that is exact.
        "price": f"CASE WHEN {size} = 1000000 THEN {price} WHEN {size} = 1000 THEN {price} * 1000 END",
        "requests": number("x_RequestCount", "BIGINT"),
        # Shares of one call are no calls of their own: they bring their part of the count.
        "request_id": f"CASE WHEN {method} IS NULL THEN {word('x_RequestId')} END",
        "use": word("x_AttemptUse"),
        # A charge for more than a day (a licence of a month) stands on its first day and says nothing of a pace.
        "long": f"coalesce(TRY_CAST({word('ChargePeriodEnd')} AS TIMESTAMPTZ) > "
        f"TRY_CAST({moment} AS TIMESTAMPTZ) + INTERVAL 1 day, FALSE)",
        "account": f"concat_ws('/', {word('x_Source')}, {word('BillingAccountId')}, {word('SubAccountId')}, "
        f"{word('ResourceId')}, {word('Tags')})",
    }
    chosen = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    return f"SELECT {chosen} FROM focus_rows"
