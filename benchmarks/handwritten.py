"""The same job written by hand for exactly this file: one DuckDB script and no mapping.

    python benchmarks/handwritten.py FILE --prices benchmarks/data/prices.parquet --out DIR [--grain day|request]
                                     [--trusting]

It knows the shape of the generated file and uses what is known to be quick: staged Parquet, repeated ids first,
dimensions as ENUM, one file per month. Like `convert` it writes sorted rows of the same columns and types through
pyarrow, and does what a run of `convert` promises of its input and output (`handwritten_promises.py`). With
`--trusting` it leaves the promises out: every line is taken as it is, nothing is set aside, hashed or reported. It
never reads other exports or maps owners over time.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import handwritten_promises as promises
import pyarrow as pa
import pyarrow.parquet as pq

from focus_ai.focus import arrow_schema

ROW_GROUP = 122_880
READ = """read_json('{file}', format='newline_delimited', columns={{
 request_id: 'VARCHAR', startTime: 'TIMESTAMPTZ', endTime: 'TIMESTAMPTZ', model: 'VARCHAR', request_tags: 'VARCHAR[]',
 end_user: 'VARCHAR', model_group: 'VARCHAR',
 metadata: 'STRUCT(spend_logs_metadata STRUCT(product VARCHAR, env VARCHAR), usage_object STRUCT(
   prompt_tokens {count}, completion_tokens {count}, completion_tokens_details STRUCT(reasoning_tokens {count}),
   prompt_tokens_details STRUCT(cached_tokens {count}, cache_creation_tokens {count})))'}})"""
STAGE = """COPY ({select}) TO '{stage}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"""
RECORDS = """SELECT request_id, startTime AS t, endTime AS t_end, model AS deployment, model_group, end_user,
  CASE WHEN request_tags[1] LIKE 'team:%' THEN request_tags[1][6:] END AS team,
  metadata.spend_logs_metadata.product AS product, metadata.spend_logs_metadata.env AS env,
  metadata.usage_object.prompt_tokens AS prompt,
  coalesce(metadata.usage_object.prompt_tokens_details.cached_tokens, 0) AS cached,
  coalesce(metadata.usage_object.prompt_tokens_details.cache_creation_tokens, 0) AS written,
  metadata.usage_object.completion_tokens AS completion,
  metadata.usage_object.completion_tokens_details.reasoning_tokens AS reasoning
FROM {read}"""
CHECKED = f"""SELECT * REPLACE (prompt::BIGINT AS prompt, cached::BIGINT AS cached, written::BIGINT AS written,
  completion::BIGINT AS completion, reasoning::BIGINT AS reasoning) FROM ({{records}})
WHERE CASE WHEN NOT coalesce({promises.GOOD}, FALSE) THEN error('a line to set aside') END IS NULL"""
TEXTS = [
    "rate_id", "sku_id", "sku_price_id", "details", "assumptions", "model", "developer", "family", "version",
    "sku_meter", "token_type", "direction", "cache_action", "provider", "host", "service", "account_type",
]  # fmt: skip
OWNERS = """SELECT *, CASE WHEN team IS NULL THEN '{}'
    ELSE to_json({'environment': env, 'product': product, 'team': team})::VARCHAR END AS tags,
  CASE WHEN team IS NULL THEN 'unattributed' ELSE 'owned' END AS status,
  CASE WHEN team IS NULL THEN 'no_owner_evidence' END AS reason,
  CASE WHEN team IS NULL THEN '{}' ELSE '{"environment":"event:owner_environment","product":"event:owner_product",'
    || '"team":"event:owner_team"}' END AS evidence
FROM (SELECT DISTINCT owner, team, product, env FROM ev)"""
QUANTITY = (
    "CASE p.meter WHEN 'input' THEN g.q_in WHEN 'cache_read' THEN g.q_read WHEN 'output' THEN g.q_out "
    "ELSE g.q_write END"
)
MONEY = "CAST(c.price * c.pq AS DECIMAL(38, 18))"
COLUMNS = {
    **dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), MONEY),
    "PricingCurrencyEffectiveCost": MONEY,
    **dict.fromkeys(("ContractedUnitPrice", "ListUnitPrice"), "c.price"),
    **dict.fromkeys(("PricingCurrencyContractedUnitPrice", "PricingCurrencyListUnitPrice"), "c.price"),
    **dict.fromkeys(("BillingAccountId", "BillingAccountName"), "'unspecified'"),
    "BillingAccountType": "c.account_type", "BillingCurrency": "'USD'",
    "BillingPeriodStart": "TIMESTAMPTZ '{month}'", "BillingPeriodEnd": "TIMESTAMPTZ '{next}'",
    "ChargeCategory": "'Usage'", "ChargeDescription": "c.description", "ChargeFrequency": "'Usage-Based'",
    "ChargePeriodStart": "c.p_start", "ChargePeriodEnd": "c.p_end", "ConsumedQuantity": "c.q",
    "ConsumedUnit": "'Tokens'", "HostProviderName": "c.host", "InvoiceIssuerName": "c.provider",
    "PricingCategory": "'Standard'", "PricingCurrency": "'USD'", "PricingQuantity": "c.pq",
    "PricingUnit": "'1000000 Tokens'", "ProviderName": "c.provider", "PublisherName": "c.developer",
    "ServiceCategory": "'AI and Machine Learning'", "ServiceName": "c.service", "ServiceProviderName": "c.provider",
    "ServiceSubcategory": "'Generative AI'", "SkuId": "c.sku_id", "SkuMeter": "c.sku_meter",
    "SkuPriceDetails": "c.details", "SkuPriceId": "c.sku_price_id", "Tags": "o.tags", "x_CostBasis": "'rated'",
    "x_Environment": "o.env", "x_Product": "o.product", "x_Team": "o.team", "x_OwnerEvidence": "o.evidence",
    "x_OwnerStatus": "o.status", "x_UnattributedReason": "o.reason", "x_ModelDeveloper": "c.developer",
    "x_ModelFamily": "c.family", "x_ModelId": "c.model", "x_ModelVersion": "c.version", "x_RateId": "c.rate_id",
    "x_PriceAssumptions": "c.assumptions", "x_ProcessingTier": "'standard'", "x_RequestCount": "c.requests",
    "x_Source": "'litellm-spend-logs'", "x_TokenCacheAction": "c.cache_action", "x_TokenDirection": "c.direction",
    "x_TokenType": "c.token_type", "x_InputTokens": "CASE WHEN c.meter = 'input' THEN c.q END",
    "x_CacheReadTokens": "CASE WHEN c.meter = 'cache_read' THEN c.q END",
    "x_CacheWriteTokens": "CASE WHEN c.meter = 'cache_write_5m' THEN c.q END",
    "x_OutputTokens": "CASE WHEN c.meter = 'output' THEN c.q END",
    "x_ReasoningTokens": "CASE WHEN c.meter = 'output' THEN nullif(c.reasoning, 0) END",
    "x_ChargeId": "left(md5(concat_ws('|', epoch_us(c.p_start), c.sku_price_id::VARCHAR, c.rate_id::VARCHAR, "
    "o.tags::VARCHAR{request})), 16)",
}  # fmt: skip
REQUEST = {
    "x_RequestId": "c.request_id",
    "x_UserId": "c.end_user",
    "x_RequestedModel": "c.model_group",
    "x_AttemptKind": "'primary'",
}


def _enum_table(con: Any, name: str, query: str, texts: list[str]) -> None:
    con.execute(f"CREATE TABLE raw_{name} AS {query}")
    for column in texts:
        con.execute(
            f"CREATE TYPE {name}_{column} AS ENUM (SELECT DISTINCT {column} FROM raw_{name} "
            f"WHERE {column} IS NOT NULL ORDER BY 1)"
        )
    replaced = ", ".join(f"{c}::{name}_{c} AS {c}" for c in texts)
    con.execute(f"CREATE TABLE {name} AS SELECT * REPLACE ({replaced}) FROM raw_{name}")


def run(file: str, prices: str, target: Path, grain: str, memory: str | None, *, trusting: bool) -> dict[str, Any]:
    """Convert; returns row count and files. `trusting`: without the promises."""
    out = target.with_name(f".{target.name}-next")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    digest = None if trusting else promises.begin_digest(file)
    con: Any = duckdb.connect()
    con.execute("SET TimeZone='UTC'")
    con.execute(f"SET temp_directory='{out}/spill'")
    if memory:
        con.execute(f"SET memory_limit='{memory}'")
    stage = out / "stage.parquet"
    facts = {"input": file, "rejected": _stage(con, file, stage, out, trusting=trusting)}
    con.execute(
        f"CREATE VIEW staged AS SELECT *, file_row_number AS n FROM read_parquet('{stage}', file_row_number=true)"
    )
    con.execute("CREATE TABLE repeated AS SELECT request_id FROM staged GROUP BY ALL HAVING count(*) > 1")
    if trusting:
        con.execute(
            "CREATE TABLE dropped AS SELECT n FROM staged SEMI JOIN repeated USING (request_id) "
            "QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY n) > 1"
        )
    else:
        facts |= promises.tell_duplicates(con, out)
    con.execute("CREATE VIEW ev AS SELECT *, hash(team, product, env) AS owner FROM staged ANTI JOIN dropped USING (n)")
    described = "*, model || ' ' || sku_meter AS description"
    _enum_table(con, "price", f"SELECT {described} FROM read_parquet('{prices}')", [*TEXTS, "description", "meter"])
    bounds = "t_from, t_to, context_gt, context_le"
    con.execute(f"CREATE TABLE segments AS SELECT DISTINCT deployment, price_set, {bounds} FROM price")
    con.execute(
        "CREATE TABLE prices AS SELECT *, dense_rank() OVER (ORDER BY meter, rate_id, sku_price_id, assumptions, "
        f"price) AS price_no FROM (SELECT DISTINCT * EXCLUDE (deployment, {bounds}) FROM price)"
    )
    _enum_table(con, "owners", OWNERS, ["team", "product", "env", "tags", "status", "reason", "evidence"])
    joined = (
        "ev JOIN segments s ON ev.deployment = s.deployment AND t_end >= s.t_from AND t_end < s.t_to "
        "AND prompt > s.context_gt AND prompt <= s.context_le"
    )
    user = "end_user"
    if not trusting:
        facts["unpriced"] = promises.tell_unpriced(con, out, joined)
        if grain == "request" and promises.hide_people(con):
            joined += " LEFT JOIN people USING (end_user)"
            user = "coalesce(pseudonym, end_user) AS end_user"
    if grain == "day":
        con.execute(
            "CREATE TABLE grouped AS SELECT date_trunc('day', t) AS p_start, date_trunc('day', t) + INTERVAL 1 day "
            "AS p_end, price_set, owner, sum(prompt - cached - written)::BIGINT AS q_in, "
            "sum(cached)::BIGINT AS q_read, sum(written)::BIGINT AS q_write, sum(completion)::BIGINT AS q_out, "
            f"sum(reasoning)::BIGINT AS reasoning, count(*) AS requests FROM {joined} GROUP BY ALL"
        )
    else:
        con.execute(
            "CREATE VIEW grouped AS SELECT t AS p_start, t_end AS p_end, price_set, owner, "
            "prompt - cached - written AS q_in, cached AS q_read, written AS q_write, completion AS q_out, "
            f"reasoning, 1 AS requests, request_id, {user}, model_group FROM {joined}"
        )
    months = con.execute("SELECT DISTINCT date_trunc('month', p_start)::DATE FROM grouped ORDER BY 1").fetchall()
    total = sum(_write(con, out, str(month), grain) for (month,) in months)
    stage.unlink()
    if digest is not None:
        promises.report(con, out, total, {**facts, "sha256": digest.result()})
    out.rename(target)
    return {"rows": total}


def _stage(con: Any, file: str, stage: Path, out: Path, *, trusting: bool) -> int:
    """Write the staged records; returns how many lines were set aside."""
    if trusting:
        con.execute(STAGE.format(select=RECORDS.format(read=READ.format(file=file, count="BIGINT")), stage=stage))
        return 0

    def checked(path: str) -> str:
        records = RECORDS.format(read=READ.format(file=path, count="DOUBLE"))
        return STAGE.format(select=CHECKED.format(records=records), stage=stage)

    try:
        con.execute(checked(file))
        return 0
    except duckdb.Error:
        clean, rejected = promises.set_aside(con, file, out)
        con.execute(checked(clean))
        return rejected


def _write(con: Any, out: Path, month: str, grain: str) -> int:
    schema = arrow_schema("1.3", "exact")
    following = con.execute(f"SELECT (DATE '{month}' + INTERVAL 1 month)::DATE").fetchone()[0]
    known = COLUMNS | (REQUEST if grain == "request" else {})
    own = ", c.request_id" if grain == "request" else ""
    parts = []
    for field in schema:
        sql = known.get(field.name, "NULL").format(month=month, next=following, request=own)
        kind = {"string": "VARCHAR", "int64": "BIGINT"}.get(str(field.type))
        if pa.types.is_decimal(field.type):
            kind = f"DECIMAL({field.type.precision}, {field.type.scale})"
        elif pa.types.is_timestamp(field.type):
            kind = "TIMESTAMPTZ"
        parts.append(f'{sql if kind == "VARCHAR" and sql != "NULL" else f"CAST({sql} AS {kind})"} AS "{field.name}"')
    of_month = f"g.p_start >= TIMESTAMPTZ '{month}' AND g.p_start < TIMESTAMPTZ '{following}' AND {QUANTITY} > 0"
    charges = (
        f"SELECT p.*, g.* EXCLUDE (price_set), {QUANTITY} AS q FROM grouped g "
        f"JOIN prices p ON g.price_set = p.price_set WHERE {of_month}"
    )
    if grain == "day":  # use at one price is one row, also where other meters of the calls change theirs
        charges = (
            "SELECT p.*, c.* EXCLUDE (price_no) FROM (SELECT p_start, p_end, owner, price_no, sum(q)::BIGINT AS q, "
            f"sum(reasoning)::BIGINT AS reasoning, sum(requests)::BIGINT AS requests FROM ({charges}) GROUP BY ALL) c "
            "JOIN (SELECT DISTINCT ON (price_no) * FROM prices) p ON p.price_no = c.price_no"
        )
    query = (
        f"SELECT {', '.join(parts)} FROM (SELECT *, CAST(CAST(q AS DECIMAL(18, 0)) * 0.000001 AS DECIMAL(19, 9)) AS pq "
        f'FROM ({charges})) c JOIN owners o ON o.owner = c.owner ORDER BY "ChargePeriodStart", "x_ChargeId"'
    )
    reader = con.cursor().sql(query).to_arrow_reader(ROW_GROUP)
    physical = pa.schema(
        [
            pa.field(w.name, h.type if pa.types.is_dictionary(h.type) else w.type)
            for w, h in zip(schema, reader.schema, strict=True)
        ]
    )
    rows, held, count = 0, [], 0
    with pq.ParquetWriter(
        out / f"focus-{month[:7]}.parquet", physical, compression="zstd", compression_level=1, store_schema=False
    ) as writer:
        for batch in reader:
            held.append(batch.cast(physical))
            count += batch.num_rows
            rows += batch.num_rows
            while count >= ROW_GROUP:
                table = pa.Table.from_batches(held)
                writer.write_table(table.slice(0, ROW_GROUP), row_group_size=ROW_GROUP)
                held, count = table.slice(ROW_GROUP).to_batches(), count - ROW_GROUP
        if count:
            writer.write_table(pa.Table.from_batches(held), row_group_size=ROW_GROUP)
    return rows


def main() -> None:
    """Command line; prints the number of rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--prices", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--grain", choices=("day", "request"), default="day")
    parser.add_argument("--memory-limit")
    parser.add_argument("--trusting", action="store_true", help="take every line as it is and report nothing")
    given = parser.parse_args()
    done = run(given.file, given.prices, given.out, given.grain, given.memory_limit, trusting=given.trusting)
    print(json.dumps(done))


if __name__ == "__main__":
    main()
