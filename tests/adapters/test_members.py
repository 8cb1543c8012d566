"""What two JSON texts say is the same text when they say the same, and only then."""

from __future__ import annotations

from itertools import combinations

import duckdb
import pytest

from focus_ai.adapters.structures import members

SAME = [
    ['{"a": "1", "b": 2}', '{"b":2,"a":"1"}', '{"b":2,"c":null,"a":"1","d":""}', ' {"b":2, "a":"1"} '],
    ['{"x":{"a":1,"b":2},"y":[{"p":1,"q":2}]}', '{ "y" : [ {"q":2, "p":1} ] , "x" : {"b":2,"a":1} }'],
    ['[{"key":"team","value":"a"},5]', '[{"value":"a","key":"team"}, 5]'],
    ["[]", "{}", " [ ] ", " { } ", None],
]
OTHER = [
    '{"a":"1"}', '{"a":"1","b":3}', '{"a":{"b":2}}', '{"x":{"a":2,"b":1},"y":[{"p":1,"q":2}]}', '{"x":{"a":1,"b":2}}',
    '{"x":{"a":1,"b":2},"y":[{"p":2,"q":2}]}', '[{"key":"team","value":"a"},6]', '[5,{"key":"team","value":"a"}]',
    '[{"key":"team","value":"b"},5]', '{"a":"{not"}', '{"a":"{nor"}', '{"a":"[{not"}', "[1,2]", "[2,1]", '"text"', "text",
    "{bad", "5",
]  # fmt: skip


def said(text: str | None) -> str | None:
    """Of a column, as the program asks; a constant is planned in another way and has to give the same."""
    with duckdb.connect() as connection:
        sql = members("t")
        found = connection.execute(f"SELECT {sql} FROM (SELECT $1::VARCHAR AS t)", [text]).fetchone()
        listed = connection.execute(f"SELECT {sql} FROM unnest([$1::VARCHAR, '5']) u(t) LIMIT 1", [text]).fetchone()
    assert found is not None and found == listed
    text_: str | None = found[0]
    return text_


@pytest.mark.parametrize("texts", SAME)
def test_the_order_of_members_blanks_and_empty_members_say_nothing(texts: list[str | None]) -> None:
    assert len({said(text) for text in texts}) == 1


def test_all_else_does() -> None:
    told = {text: said(text) for text in [*OTHER, *(texts[0] for texts in SAME)]}
    assert not [(a, b) for a, b in combinations(told, 2) if told[a] == told[b]]
