"""How an answer of a report was asked for, as far as its records say so: for reports whose reader chooses the grouping.

`page_no` is the document of the file, for one file may hold several answers. A mapping whose answers may split a bucket
between two pages also says what names the grouping (`grouped_by`) and whether a further page follows (`goes_on`).
"""

from __future__ import annotations

from focus_ai.adapters import expression
from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.scope import Scope
from focus_ai.engine import literal
from focus_ai.sources.bundle import record_of


def answer_page(mapping: Mapping, scope: Scope) -> dict[str, str]:
    """The SQL of the page that a record is on."""
    if "grouping" not in mapping.asked_by or scope.mode != "json":
        return {}
    number = record_of("document") if scope.bundled else "document"
    return {"page_no": f"CAST({number if scope.depth else 'NULL'} AS BIGINT)"}


def answer_said(mapping: Mapping, scope: Scope) -> dict[str, str]:
    """The SQL of what a record says about its answer."""
    said = mapping.answers
    if not said:
        return {}
    named = ", ".join(
        f"CASE WHEN {expression.condition(scope, {'present': e})} THEN {literal(word)} END"
        for word, e in said["grouped_by"].items()
    )
    return {
        "grouped_by": f"concat_ws(', ', {named})",
        "goes_on": expression.as_boolean(scope, said["goes_on"]),
    }
