"""`focus-ai demo`: convert the shipped example exports and ask one question of the result."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from focus_ai.cli.options import Format, FormatOption, NoColorOption, QuietOption

# Shown as it is typed, so that the reader can run it: the folder is the working folder of the query.
QUESTION = """\
SELECT x_Team AS team, x_ModelId AS model, sum(ConsumedQuantity)::BIGINT AS tokens, sum(EffectiveCost) AS cost
FROM read_parquet('data/*/*.parquet')
WHERE ConsumedUnit = 'Tokens'
GROUP BY ALL ORDER BY cost DESC, team, model LIMIT 5"""

# The day after the last record of the examples: what the demo prints depends on no clock.
DAY = datetime(2026, 11, 21, tzinfo=UTC)


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the data set.")] = Path("demo-out"),
    format_: FormatOption = Format.text,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> None:
    """Convert the shipped example exports and show the report and one query over the result."""
    from focus_ai import api, resources
    from focus_ai.cli.convert import show
    from focus_ai.cli.progress import Progress
    from focus_ai.cli.settings import effective

    folder = resources.root("demo")
    settings = effective(folder / "focus-ai.toml")
    with Progress(quiet=quiet or format_ is Format.json) as progress:
        report = api.convert(
            [str(folder / "exports")],
            out,
            adapter=None,
            mapping=[],
            settings=settings,
            focus=settings.convert.focus,
            grain=settings.convert.grain,
            numeric=settings.convert.numeric,
            events=False,
            jobs=1,
            memory_limit=None,
            threads=None,
            as_of=DAY,
            progress=progress,
        )
    show(report, format_, out, no_color=no_color)
    if format_ is Format.text:
        _ask(out)


def _ask(out: Path) -> None:
    """Run the example query over the data set with plain DuckDB and print both."""
    from focus_ai.cli.terminal import say

    say("\n".join(["", f"Ask it anything, for example with DuckDB in {out}:", "", *QUESTION.splitlines(), "", ""]))
    say("\n".join(answer(out)))


def answer(out: Path) -> list[str]:
    """The lines of the answer to the example query."""
    import duckdb

    from focus_ai.reports.table import table

    with duckdb.connect(config={"file_search_path": str(out)}) as session:
        result = session.execute(QUESTION)
        header = [column[0] for column in result.description]
        rows: list[tuple[Any, ...]] = result.fetchall()
    return table(header, rows)
