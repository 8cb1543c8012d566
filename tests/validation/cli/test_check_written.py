"""What `convert` wrote is judged before it is called done: our rows must be right, a fault of ours is exit code 4."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from focus_ai import api
from focus_ai.engine import Session
from focus_ai.errors import InternalError
from focus_ai.findings import Findings
from focus_ai.validate_run import check_written, refuse_faulty

EXPORTS = Path(__file__).parents[3] / "fixtures" / "demo" / "exports"


def judged(folder: Path, version: str) -> Findings:
    with Session(folder / "work") as session:
        session.seal([folder])
        return check_written(session, list((folder / "out" / "data").rglob("*.parquet")), version)


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4"])
def test_our_own_rows_break_no_rule(tmp_path: Path, version: str) -> None:
    api.convert([str(EXPORTS)], tmp_path / "out", focus=version)
    findings = judged(tmp_path, version)
    assert findings.rows > 10 and findings.summary["passed"] > 80
    assert [f for f in findings.findings if f.severity == "error"] == []
    refuse_faulty(findings)


def test_a_wrong_cost_of_ours_is_a_fault_and_one_of_a_bill_is_not(tmp_path: Path) -> None:
    api.convert([str(EXPORTS)], tmp_path / "out", focus="1.3")
    path = next((tmp_path / "out" / "data").rglob("*.parquet"))
    table = pq.ParquetFile(path).read()  # without a column made of the folder's name
    basis = table["x_CostBasis"].to_pylist()
    assert "rated" in basis
    kind = table.schema.field("ListCost").type

    def break_row(where: str) -> None:
        cost = [Decimal(10**6) if b == where else c for b, c in zip(basis, table["ListCost"].to_pylist(), strict=True)]
        at = table.schema.get_field_index("ListCost")
        pq.write_table(table.set_column(at, "ListCost", pa.array(cost, kind)), path)

    break_row("rated")
    with pytest.raises(InternalError, match="ListCost") as caught:
        refuse_faulty(judged(tmp_path, "1.3"))
    assert caught.value.exit_code == 4
    break_row("billed")
    refuse_faulty(judged(tmp_path, "1.3"))
