"""A slip costs the record that has it. The text of what is given up is kept, with its size and place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_builders import event, staged
from hypothesis import given, settings
from hypothesis import strategies as st

from focus_ai.sources import Reject
from focus_ai.sources.reject import LONGEST_RAW

# A record as exports have them: with an object, and with a list of objects that look like records of another kind.
NESTED = {"tags": {"team": "orbit"}, "messages": [{"role": "user", "text": "a, b"}, {"role": "tool", "text": "}, {"}]}


def text(number: int) -> str:
    return json.dumps(event(number, **NESTED))


SLIPS = {
    "comma too many": lambda t: t[:-1] + ",}",
    "comma missing": lambda t: t.replace(', "model"', ' "model"'),
    "colon missing": lambda t: t.replace('"model":', '"model"'),
    "quote missing behind a value": lambda t: t.replace('"openai"', '"openai'),
    "quote missing before a value": lambda t: t.replace('"openai"', 'openai"'),
    "quote missing behind a key": lambda t: t.replace('"model"', '"model'),
    "bare word": lambda t: t.replace('"openai"', "openai"),
    "quote in a value": lambda t: t.replace("openai", 'open"ai'),
    "value missing": lambda t: t.replace("1000", ""),
    "leading zero": lambda t: t.replace("1000", "01000"),
    "brace missing at the end": lambda t: t[:-1],
    "brace missing inside": lambda t: t.replace('"orbit"}', '"orbit"'),
    "bracket missing": lambda t: t.replace('"}, {"}]', '"}, {"}'),
    "brace too many": lambda t: t.replace('"orbit"}', '"orbit"}}'),
    "cut in the middle": lambda t: t[: len(t) // 2],
    "backslash": lambda t: t.replace("openai", "open\\ai"),
    "nested too deeply": lambda t: t.replace('"orbit"', "[" * 5000 + "]" * 5000),
}
JOINED = {"one line": ", ", "no spaces": ",", "a line each": ",\n", "indented": ",\n  "}


def read(path: Path, content: str | bytes) -> tuple[list[str], tuple[Reject, ...]]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    result, found = staged(path, path.parent / "w")
    assert result.read == len(found) + len(result.rejects)
    return [r["record_id"] for r in found], result.rejects


@pytest.mark.parametrize("joined", JOINED)
@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_an_array_costs_one_element(slip: str, joined: str, tmp_path: Path) -> None:
    """The first, the middle and the last of seven have it; the other four are read, and nothing else comes out."""
    elements = [text(n) for n in range(7)]
    for n in (0, 3, 6):
        elements[n] = SLIPS[slip](elements[n])
    found, rejects = read(tmp_path / "x.json", "[" + JOINED[joined].join(elements) + "]")
    assert found == ["e1", "e2", "e4", "e5"]
    assert [r.row for r in rejects] == [1, 4, 7]
    assert {r.reason for r in rejects} == {"broken_json"}
    assert [r.raw.rstrip("]") for r in rejects if r.raw] == [elements[n].rstrip("]") for n in (0, 3, 6)]


def test_two_broken_elements_after_one_another(tmp_path: Path) -> None:
    elements = [text(n)[:-1] + ",}" if n in (2, 3) else text(n) for n in range(6)]
    found, rejects = read(tmp_path / "x.json", json.dumps("").join(["[", "]"]).replace('""', ", ".join(elements)))
    assert found == ["e0", "e1", "e4", "e5"]
    assert [r.row for r in rejects] == [3, 4]


def test_five_thousand_elements_and_one_comma(tmp_path: Path) -> None:
    elements = [json.dumps(event(n)) for n in range(5000)]
    elements[60] = elements[60][:-1] + ",}"
    found, (reject,) = read(tmp_path / "x.json", "[" + ",\n".join(elements) + "]")
    assert found == [f"e{n}" for n in range(5000) if n != 60]
    assert (reject.row, reject.reason, reject.raw) == (61, "broken_json", elements[60])
    place = 1 + sum(len(e) + 2 for e in elements[:60])
    assert reject.note == f"{len(elements[60])} characters from character {place:,} on"


def test_documents_behind_a_broken_one(tmp_path: Path) -> None:
    """Written one after another with line breaks inside; objects inside the broken one do not pass for documents."""
    documents = [json.dumps(event(n, **NESTED), indent=1) for n in range(4)]
    documents[1] = documents[1].replace('"model":', '"model"')
    found, (reject,) = read(tmp_path / "x.json", "\n".join(documents))
    assert found == ["e0", "e2", "e3"]
    assert (reject.row, reject.raw, reject.lines) == (2, documents[1], documents[1].count("\n") + 1)


def test_a_very_long_broken_element_is_cut_and_says_so(tmp_path: Path) -> None:
    broken = text(1)[:-1] + ', "note": "' + "y" * 2_000_000 + '",}'
    found, (reject,) = read(tmp_path / "x.json", f"[{text(0)}, {broken}, {text(2)}]")
    assert found == ["e0", "e2"]
    raw = str(reject.as_dict()["raw"])
    assert len(raw) <= LONGEST_RAW
    assert raw.endswith(f" ... cut, {len(broken)} characters in all")
    assert f"{len(broken):,} characters" in str(reject.as_dict()["note"])


def test_a_line_too_long_says_how_long(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    long = json.dumps(event(1, note="y" * 40_000_000))
    path.write_text(f"{text(0)}\n{long}\n{text(2)}\n")
    result, found = staged(path, tmp_path / "w")
    assert [r["record_id"] for r in found] == ["e0", "e2"]
    assert [(r.row, r.reason) for r in result.rejects] == [(2, "line_too_long")]
    assert f"{len(long) + 1:,} bytes" in str(result.rejects[0].note)


@settings(max_examples=40)
@given(st.integers(2, 12), st.data())
def test_a_missing_character_never_costs_a_whole_neighbour(tmp_path: Path, number: int, data: st.DataObject) -> None:
    """One character of one element of an array is taken away: of all others, those that do not touch it are read."""
    elements = [text(n) for n in range(number)]
    bad = data.draw(st.integers(0, number - 1))
    place = data.draw(st.integers(0, len(elements[bad]) - 1))
    elements[bad] = elements[bad][:place] + elements[bad][place + 1 :]
    path = tmp_path / "x.json"
    found, _ = read(path, "[" + ", ".join(elements) + "]")
    assert {f"e{n}" for n in range(number) if n != bad} <= set(found)


Cells = list[list[Any]]


def as_csv(rows: list[str]) -> str:
    return "\n".join([",".join([*event(0), "team"]), *rows]) + "\n"


def row(number: int, team: str = "a") -> str:
    return ",".join([*map(str, event(number).values()), team])


def test_a_quote_that_does_not_close_costs_one_row(tmp_path: Path) -> None:
    rows = [row(n) for n in range(3000)]
    rows[100] = row(100, '"a')
    found, (reject,) = read(tmp_path / "x.csv", as_csv(rows))
    assert found == [f"e{n}" for n in range(3000) if n != 100]
    assert (reject.row, reject.reason, reject.raw) == (101, "csv:unquoted_value", rows[100])


@pytest.mark.parametrize("second", ['"a', 'a"', 'a",', '"a"b'])
def test_two_wrong_quotes_do_not_pair_up_around_the_rows_between_them(second: str, tmp_path: Path) -> None:
    """With a row of too few cells in it the file is read row by row, where a line that is a row is never text."""
    rows = [row(n) for n in range(300)]
    rows[100], rows[200], rows[250] = row(100, '"a'), row(200, second), "too,few"
    found, rejects = read(tmp_path / "x.csv", as_csv(rows))
    odd = {100, 250} | ({200} if second.startswith('"') else set())
    assert found == [f"e{n}" for n in range(300) if n not in odd]
    assert [r.row for r in rejects] == [n + 1 for n in sorted(odd)]


def test_a_broken_cell_of_several_lines_is_one_reject_that_counts_them(tmp_path: Path) -> None:
    """The quote behind the prompt is followed by a letter, so its four lines make no row: lines 3 to 6 of the file."""
    prompt = '"first\nsecond, third\n\nlast"x'
    found, (reject,) = read(tmp_path / "x.csv", as_csv([row(1), row(2, prompt), row(3), row(4, '"two\nlines"')]))
    assert found == ["e1", "e3", "e4"]
    assert (reject.row, reject.reason, reject.lines) == (2, "csv:unquoted_value", 4)
    assert str(reject.note).startswith("lines 3 to 6 of the file, ")
    assert str(reject.raw).split("\n")[1] == "second, third"


def test_a_row_number_counts_no_blank_lines(tmp_path: Path) -> None:
    found, (reject,) = read(tmp_path / "x.csv", as_csv([row(1), "", "", row(2), "too,few", "", row(3)]))
    assert found == ["e1", "e2", "e3"]
    assert (reject.row, reject.reason, reject.raw) == (3, "csv:missing_columns", "too,few")


def test_rows_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(as_csv([row(1), "a,b", row(2, '"x\ny"'), row(3, '"'), row(4)]))
    result, found = staged(path, tmp_path / "w")
    assert [(r["record_id"], r["source_row"]) for r in found] == [("e1", 1), ("e2", 3), ("e4", 5)]
    assert [(r.row, r.reason) for r in result.rejects] == [(2, "csv:missing_columns"), (4, "csv:unquoted_value")]


@settings(max_examples=30)
@given(
    st.lists(
        st.sampled_from(["a", '"a,b"', '"a\nb"', '"say ""x"""', ' "c" ', 'in"side', '""']), min_size=1, max_size=12
    ),
    st.lists(st.sampled_from(["", "x,y", '"', 'a,"b', "   "]), max_size=6),
    st.randoms(use_true_random=False),
)
def test_the_same_rows_are_read_whatever_stands_between_them(
    tmp_path: Path, teams: list[str], junk: list[str], order: Any
) -> None:
    """Cells as the engine takes them from a clean file; lines that are no rows cost none, wherever they stand. (A quote
    alone may take a line break with it, but no row.)"""
    good = [row(n, team) for n, team in enumerate(teams)]
    clean, damaged = tmp_path / "clean.csv", tmp_path / "damaged.csv"
    clean.write_text(as_csv(good))
    mixed = list(good)
    for line in junk:
        mixed.insert(order.randrange(len(mixed) + 1), line)
    damaged.write_text(as_csv(mixed))
    wanted = {r["record_id"]: r.get("owner_team") for r in staged(clean, tmp_path / "c")[1]}
    result, found = staged(damaged, tmp_path / "d")
    several = {f"e{n}" for n, team in enumerate(teams) if '"' in team}
    got = {r["record_id"]: r.get("owner_team") for r in found}
    assert {k: v for k, v in got.items() if k not in several} == {k: v for k, v in wanted.items() if k not in several}
    assert all(got[k] == wanted[k] for k in got)
    assert result.read == len(found) + len(result.rejects)
