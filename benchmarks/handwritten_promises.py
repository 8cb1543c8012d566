"""What a run promises besides its rows, written by hand for the generated file: every line is checked and none is lost,
repeated and differing records are told apart, users are not named by their address, sums are read back from the files,
and the folder appears whole or not at all.

The checks of a line are one condition of the quick pass. A line that fails it sends the whole file through the slow
pass, which sets bad lines aside with their text; so the checks cost a clean file next to nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

_COUNTS = ("prompt", "completion", "cached", "written", "reasoning")
# A count is read as a double, which holds every whole number up to 2^53 and shows what is none.
_WHOLE = " AND ".join(f"coalesce({c} >= 0 AND {c} <= 1e9 AND {c} = trunc({c}), {c} IS NULL)" for c in _COUNTS)
GOOD = (
    f"request_id IS NOT NULL AND t IS NOT NULL AND t_end IS NOT NULL AND {_WHOLE} "
    "AND coalesce(cached, 0) + coalesce(written, 0) <= coalesce(prompt, 0) AND coalesce(reasoning, 0) <= completion"
)
_LINES = (
    "read_csv('{file}', columns={{'line': 'VARCHAR'}}, auto_detect=false, header=false, delim='\x01', quote='', "
    "escape='', max_line_size=8388608)"
)
_BAD = """CASE WHEN NOT json_valid(line) THEN 'broken_json'
  WHEN line ->> '$.request_id' IS NULL THEN 'missing:record_id'
  WHEN TRY_CAST(line ->> '$.startTime' AS TIMESTAMPTZ) IS NULL OR TRY_CAST(line ->> '$.endTime' AS TIMESTAMPTZ) IS NULL
    THEN 'impossible_date'
  WHEN NOT coalesce(regexp_full_match(concat_ws('', line ->> '$.metadata.usage_object.prompt_tokens',
    line ->> '$.metadata.usage_object.completion_tokens'), '[0-9]{2,18}'), FALSE) THEN 'wrong_count'
  END"""

_CONTENT = (
    "hash(t, t_end, deployment, model_group, end_user, team, product, env, prompt, cached, written, completion, "
    "reasoning)"
)


def begin_digest(file: str) -> Future[str]:
    """SHA-256 of the input, worked out beside the rest."""
    return ThreadPoolExecutor(1).submit(digest, Path(file))


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def set_aside(con: Any, file: str, out: Path) -> tuple[str, int]:
    """The slow pass: a copy of the file without its bad lines, and how many of them went to the rejects."""
    con.execute(
        f"CREATE TABLE lines AS SELECT row_number() OVER () AS row, line, {_BAD} AS reason "
        f"FROM {_LINES.format(file=file)}"
    )
    (out / "exceptions").mkdir(exist_ok=True)
    rejects = f"SELECT '{file}' AS file, row, reason, line AS raw FROM lines WHERE reason IS NOT NULL ORDER BY row"
    con.execute(f"COPY ({rejects}) TO '{out}/exceptions/rejects.jsonl' (FORMAT json)")
    clean = out / "clean.jsonl"
    con.execute(
        f"COPY (SELECT line FROM lines WHERE reason IS NULL ORDER BY row) TO '{clean}' "
        "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')"
    )
    return str(clean), int(con.execute("SELECT count(reason) FROM lines").fetchone()[0])


def tell_duplicates(con: Any, out: Path) -> dict[str, int]:
    """Table `dropped`: of equal records all but the newest, of different ones with the same id and time all."""
    con.execute(
        "CREATE TABLE ranked AS SELECT n, request_id, "
        "rank() OVER (PARTITION BY request_id ORDER BY t_end DESC) AS age, "
        f"row_number() OVER newest AS place, first(n) OVER newest AS kept, {_CONTENT} AS content "
        "FROM staged SEMI JOIN repeated USING (request_id) "
        "WINDOW newest AS (PARTITION BY request_id ORDER BY t_end DESC, n)"
    )
    con.execute(
        "CREATE TABLE dropped AS SELECT r.n, r.request_id, r.kept, CASE WHEN d.request_id IS NOT NULL "
        "THEN 'conflicting_duplicate' WHEN r.age = 1 THEN 'same_record' ELSE 'older_version' END AS reason "
        "FROM ranked r LEFT JOIN (SELECT request_id FROM ranked WHERE age = 1 GROUP BY ALL "
        "HAVING count(DISTINCT content) > 1) d USING (request_id) WHERE r.place > 1 OR d.request_id IS NOT NULL"
    )
    counts = dict(con.execute("SELECT reason, count(*) FROM dropped GROUP BY 1").fetchall())
    (out / "exceptions").mkdir(exist_ok=True)
    con.execute(
        f"COPY (SELECT request_id AS key, n AS row, kept AS kept_row, reason FROM dropped ORDER BY ALL) "
        f"TO '{out}/exceptions/duplicates.jsonl' (FORMAT json)"
    )
    return {str(k): int(v) for k, v in counts.items()}


def hide_people(con: Any) -> bool:
    """Table `people`: addresses among the users and what stands for them. Are there any?"""
    con.execute("CREATE TABLE people (end_user VARCHAR, pseudonym VARCHAR)")
    key = os.environ.get("PSEUDONYM_KEY", "benchmark").encode()
    for (user,) in con.execute("SELECT DISTINCT end_user FROM staged WHERE contains(end_user, '@')").fetchall():
        named = hmac.new(key, str(user).encode(), hashlib.sha256).hexdigest()[:16]
        con.execute("INSERT INTO people VALUES (?, ?)", [user, named])
    return bool(con.execute("SELECT 1 FROM people LIMIT 1").fetchone())


def tell_unpriced(con: Any, out: Path, joined: str) -> int:
    """Events whose model, time and length no price holds for."""
    priced, all_of_them = con.execute(f"SELECT (SELECT count(*) FROM {joined}), (SELECT count(*) FROM ev)").fetchone()
    if priced != all_of_them:
        lost = f"SELECT request_id, deployment FROM ev WHERE n NOT IN (SELECT ev.n FROM {joined}) ORDER BY ALL"
        con.execute(f"COPY ({lost}) TO '{out}/exceptions/unpriced.jsonl' (FORMAT json)")
    return int(all_of_them) - int(priced)


def report(con: Any, out: Path, rows: int, facts: dict[str, Any]) -> None:
    """run.json: the counts, and the sums as they stand in the files. Raises when they are not the rows written."""
    con.execute(f"CREATE VIEW rows AS SELECT * FROM read_parquet('{out}/*.parquet')")
    costs = ("ListCost", "ContractedCost", "EffectiveCost", "BilledCost")
    sums = ", ".join(["count(*)", *(f"sum({c})::VARCHAR" for c in costs)])
    totals = con.execute(f"SELECT BillingCurrency, {sums} FROM rows GROUP BY 1 ORDER BY 1").fetchall()
    if sum(t[1] for t in totals) != rows:
        raise SystemExit("rows written and rows read back differ")
    by = {
        name: con.execute(f"SELECT {name}, {sums} FROM rows GROUP BY 1 ORDER BY 1").fetchall()
        for name in ("ServiceName", "x_ModelId", "x_Team", "x_OwnerStatus")
    }
    tokens = con.execute(
        "SELECT sum(x_InputTokens)::VARCHAR, sum(x_CacheReadTokens)::VARCHAR, sum(x_CacheWriteTokens)::VARCHAR, "
        "sum(x_OutputTokens)::VARCHAR, sum(x_ReasoningTokens)::VARCHAR FROM rows"
    ).fetchone()
    files = [
        {"path": p.relative_to(out).as_posix(), "bytes": p.stat().st_size, "sha256": digest(p)}
        for p in sorted(out.rglob("*.*")) if p.is_file() and p.suffix in (".parquet", ".jsonl")
    ]  # fmt: skip
    told = {**facts, "rows": rows, "totals": totals, "by": by, "tokens": tokens, "files": files}
    (out / "run.json").write_text(json.dumps(told, indent=2))
