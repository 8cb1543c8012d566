"""A small memory limit slows a run down and changes nothing: 300,000 events, every form of file, all grains."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from data_builders import convert, event, jsonl, staged

from focus_ai.engine import Session
from focus_ai.errors import UsageError

ROOT = Path(__file__).parents[2]
COUNT = 300_000
CHILD = """
import json, resource, sys
from pathlib import Path
from focus_ai import api
report = api.convert([sys.argv[1]], Path(sys.argv[2]), grain=sys.argv[3], memory_limit="200MB", threads=2)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"peak": peak, **{k: report[k] for k in ("records", "totals", "rows", "tokens")}}))
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Distinct ids, 30 days, 40 teams, a duplicate in every hundred."""
    path = tmp_path_factory.mktemp("many") / "many.jsonl"
    with path.open("w") as out:
        for n in range(COUNT):
            number = n if n % 100 else max(0, n - 50)
            made = event(
                number, timestamp=f"2026-10-{1 + number % 30:02d}T{number % 24:02d}:00:00Z", team=f"team-{number % 40}"
            )
            out.write(json.dumps(made) + "\n")
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize("grain", ["day", "request"])
def test_200_megabytes(grain: str, many: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(many), str(tmp_path / "out"), grain],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    repeated = COUNT // 100 - 1
    assert (report["records"]["read"], report["records"]["duplicates"]) == (COUNT, repeated)
    assert Decimal(report["totals"][0]["effective_cost"]) == (COUNT - repeated) * Decimal("0.00135")
    assert report["tokens"]["output"] == 10 * (COUNT - repeated)
    peak = report["peak"] / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    assert peak < 900, f"{peak:.0f} MB"


@pytest.mark.parametrize("form", ["json", "csv", "latin-1.csv", "csv.gz", "jsonl.gz", "parquet"])
def test_every_form_fits_into_a_small_limit(form: str, tmp_path: Path, out: Path) -> None:
    events = [event(n, team="caf\u00e9") for n in range(3000)]
    path = tmp_path / f"x.{form}"
    table = ",".join(events[0]) + "\n" + "".join(",".join(map(str, e.values())) + "\n" for e in events)
    if form == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(events), path)
    elif form == "jsonl.gz":
        path.write_bytes(gzip.compress(jsonl(tmp_path / "x", events).read_bytes()))
    else:
        body = {"json": json.dumps(events).encode(), "latin-1.csv": table.encode("latin-1")}.get(form, table.encode())
        path.write_bytes(gzip.compress(body) if form.endswith("gz") else body)
    report = convert(out, path, memory_limit="200MB")
    assert report["records"]["events"] == 3000


def test_a_document_of_thirty_megabytes(tmp_path: Path, out: Path) -> None:
    """One JSON document is held whole; it gets the memory it needs unless the user sets a limit, which is then named."""
    path = tmp_path / "x.json"
    path.write_text(json.dumps({**event(1), "note": "\u00e9" * 15_000_000}, indent=1, ensure_ascii=False))
    assert convert(out, path)["records"]["events"] == 1
    with pytest.raises(UsageError, match="--memory-limit"):
        convert(out, path, memory_limit="100MB")


@pytest.mark.parametrize(("threads", "shown"), [(1, "9.5 MiB"), (2, "9.5 MiB"), (8, "38.1 MiB")])
def test_every_two_threads_have_their_memory(threads: int, shown: str, tmp_path: Path) -> None:
    """10 MB for every two threads: 10,000,000 and 40,000,000 bytes in units of 1,048,576, cut to tenths."""
    with Session(tmp_path, threads=threads, for_two=10_000_000) as session:
        assert session.one("SELECT current_setting('memory_limit')") == (shown,)


def test_rows_of_focus_files_are_staged_in_small_groups(tmp_path: Path) -> None:
    """A row is some 4 KB of text: a usual group of 122,880 of them would be half a gigabyte to whoever reads it."""
    path = tmp_path / "x.csv"
    names = (
        "BilledCost,EffectiveCost,ListCost,ContractedCost,BillingAccountId,BillingCurrency,BillingPeriodStart,"
        "BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ProviderName,ServiceName"
    )
    times = "2026-10-01T00:00:00Z,2026-11-01T00:00:00Z,2026-10-02T00:00:00Z,2026-10-03T00:00:00Z"
    path.write_text(names + "\n" + "".join(f"{n},{n},{n},{n},a,USD,{times},Usage,P,S\n" for n in range(9000)))
    result, _ = staged(path, tmp_path / "w")
    assert [pq.read_metadata(result.parquet).row_group(n).num_rows for n in range(2)] == [8192, 808]
