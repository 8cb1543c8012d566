"""Start a mapping file from a sample file: its paths listed with their forms, the blocks prepared, a case beside it."""

from __future__ import annotations

import csv
import json
import re
import shutil
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focus_ai.cli import scaffold_hints as hints
from focus_ai.errors import InputError, UsageError

if TYPE_CHECKING:
    from focus_ai.sources.sniff import Format

SAMPLE_RECORDS = 50
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def scaffold(id_: str, sample: Path, to: Path) -> list[Path]:
    """Write `ID.yaml` and `fixtures/ID/first/` below `to`; return the paths, the mapping first.

    Raises `UsageError` for a bad id or when something is already there, `InputError` for a sample that cannot be read.
    """
    if not _ID.fullmatch(id_):
        raise UsageError("an adapter id is kebab-case", value=id_, expected="letters, digits and single hyphens")
    if not sample.is_file():
        raise InputError("the sample does not exist", where=str(sample))
    kind, documents = read(sample)
    mapping, case = to / f"{id_}.yaml", to / "fixtures" / id_ / "first"
    for path in (mapping, case):
        if path.exists():
            raise UsageError("this is already there and is not overwritten", where=str(path))
    case.mkdir(parents=True)
    copied = case / f"input.{kind}"
    shutil.copyfile(sample, copied)
    mapping.write_text(_mapping(id_, kind, documents, datetime.now(UTC).date()), encoding="utf-8")
    return [mapping, copied]


def read(sample: Path) -> tuple[str, list[Any]]:
    """The format of a sample and its first documents (of a table: its rows). Fractions stay the text they are."""
    if sample.suffix == ".parquet":
        return "parquet", _parquet(sample)
    from focus_ai.sources.sniff import sniff

    form = sniff(sample)
    if form.compression != "none":
        raise InputError("the sample is packed", where=str(sample), value=form.compression, next_step="unpack it first")
    if form.kind == "empty":
        raise InputError("the sample has no records", where=str(sample))
    if form.kind == "csv":
        return "csv", _table(sample, form)
    try:
        text = sample.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("the sample is not UTF-8 text", where=str(sample)) from None
    if text.lstrip()[:1] not in ("{", "["):
        raise InputError(
            "the sample is no JSON and no table", where=str(sample), value=text.split("\n", 1)[0][:80],
            expected="a header with commas, semicolons, tabs or | between the names",
            next_step="lines of plain text are described by hand: `reads: [text]` in mappings/README.md",
        )  # fmt: skip
    try:
        document = json.loads(text, parse_float=str)
        if not document:
            raise InputError("the sample has no records", where=str(sample))
        return "json", document[:SAMPLE_RECORDS] if isinstance(document, list) else [document]
    except json.JSONDecodeError:
        pass
    try:
        lines = [json.loads(line, parse_float=str) for line in text.splitlines()[:SAMPLE_RECORDS] if line.strip()]
    except json.JSONDecodeError as error:
        raise InputError("the sample is neither JSON nor JSON Lines", where=f"{sample}: {error.msg}") from None
    return "jsonl", lines


def _table(sample: Path, form: Format) -> list[Any]:
    """The first rows of a CSV by the names of its columns, read as a conversion reads them."""
    with sample.open(encoding="utf-8-sig" if form.encoding == "utf-8" else form.encoding, newline="") as stream:
        reader = csv.reader(stream, delimiter=form.delimiter)
        next(reader, None)
        rows = [dict(zip(form.header, row, strict=False)) for row in islice(reader, SAMPLE_RECORDS) if row]
    if not rows:
        raise InputError("the sample has no records", where=str(sample))
    return rows


def _parquet(sample: Path) -> list[Any]:
    import pyarrow.parquet as parquet

    batch = next(parquet.ParquetFile(sample).iter_batches(batch_size=SAMPLE_RECORDS), None)
    names = parquet.read_schema(sample).names
    return (
        [dict.fromkeys(names)] if batch is None else [{k: _plain(v) for k, v in r.items()} for r in batch.to_pylist()]
    )


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, list, dict)) else str(value)


def _mapping(id_: str, kind: str, documents: list[Any], today: date) -> str:
    """The text of the new mapping file. Lines to fill in hold the word `fill`."""
    found = hints.find_records(documents)
    seen = hints.paths(found)
    chosen = hints.distinctive(found)
    if kind in ("csv", "parquet"):  # there a key is the name of a column as it is
        chosen = [key.strip('"') for key in chosen]
    keys = ", ".join(map(hints.yaml_path, chosen))
    listed = "\n".join(_listed(path, value) for path, value in seen.items())
    others = "" if found.path else "# other_columns: tags   # what no line above names is read as tags\n"
    comma = next(iter(hints.decimal_commas(seen)), None)
    if comma is not None:  # then 1.200 in the same table is not 1.2
        read_so = f'{{decimal: {{replace: {hints.yaml_path(comma)}, pattern: ",", with: "."}}}}'
        listed += (
            f"\n# Is the comma in {comma} a decimal comma? Then {read_so},"
            "\n# and points that group thousands (1.200) are to be taken off first, in this column and in the others."
        )
    records = f"records: {hints.yaml_path(found.path)}   # each element is one record\n" if found.path else ""
    return f"""\
# Mapping of one export. The language: mappings/README.md. Check it with: focus-ai adapters test {id_}.yaml
# Every word fill stands for a decision. Nothing that the export does not say may be invented here.
id: {id_}
title: fill
# docs: https://...               # the page that explains the fields
checked: {today:%Y-%m-%d}             # the day you read it
kind: usage                       # usage | billed (then: billed_cost and currency instead of tokens)
system: {id_.split("-")[0]}
reads: [{kind}]
recognise:                        # guessed: keep what only this export has
  keys: [{keys}]
{records}fields:
{_fields(seen)}
{_identity(seen)}{_tokens(seen)}# meters:                 # what is no token; names and units: schemas/meters.yaml
#   - {{meter: audio_seconds, quantity: {{decimal: hours, times: "3600"}}}}
{others}leaves_out: {{}}
traps: []

# Paths seen in the sample, with the form that reads what stands there:
{listed}
"""


def _listed(path: str, value: Any) -> str:
    form = hints.form(path, value)
    shown = json.dumps(value, ensure_ascii=False)[:60] if value not in (None, "") else ""
    typed = f"  -> {form}" if form.startswith("{") else ""
    return f"#   {path}{'  e.g. ' + shown if shown else ''}{typed}"


def _fields(seen: dict[str, Any]) -> str:
    """The fields block: the instant where one path says it, candidates behind every other `fill`."""
    times = [path for path, value in seen.items() if hints.kind_of(value, path) == "time"]
    ends = hints.looks_like(seen, r"(^|_)(end|ended|to|until)(_|$)|endtime", "time")
    starts = [path for path in times if path not in ends]
    first = hints.form(starts[0], seen[starts[0]]) if starts else "{time: fill, unit: iso}"
    lines = [f"  event_time: {first}" + _perhaps(starts[1:], "or")]
    for end in ends[:1]:
        lines += [
            f"  # bucket_end: {hints.form(end, seen[end])}   # sums of a span? A last day inside it: plus: {{days: 1}}",
            "  # event_time_basis: {const: bucket}",
            "  # grain: {const: aggregate}",
        ]
    money = hints.looks_like(seen, r"cost|amount|dollars|usd|charge|spend", "int", "decimal")
    lines += [
        f"  # billed_cost: {hints.form(path, seen[path])}   # with kind: billed, then currency too"
        for path in money[:2]
    ]
    # A fixed word is {const: word}: a bare word is a path.
    lines.append(
        "  provider: fill" + _perhaps(hints.looks_like(seen, "provider|vendor|seller"), "perhaps", "{const: ...}")
    )
    lines.append("  model_served: fill" + _perhaps(hints.looks_like(seen, "model|engine|deployment")))
    return "\n".join(lines)


def _identity(seen: dict[str, Any]) -> str:
    """What makes two records the same record: an id where a key looks like one."""
    ids = hints.looks_like(seen, r"^(id|uuid|request_?id|call_?id|event_?id|trace_?id)$")
    if ids or not any(path.startswith("^") for path in seen):
        return "  record_id: fill" + _perhaps(ids) + "   # or, without an id: identity: [key, key]\n"
    return (
        "identity: [fill]                  # the keys that together name a record, such as account, start and model\n"
    )


def _tokens(seen: dict[str, Any]) -> str:
    """The tokens block; a comment when nothing in the sample looks like tokens."""
    tokens = hints.looks_like(seen, "tok", "int", "decimal", whole=True)
    inputs = [p for p in tokens if re.search("input|prompt|(^|_)in(_|$)|_in$", p, re.IGNORECASE)]
    outputs = [p for p in tokens if re.search("output|completion|(^|_)out(_|$)", p, re.IGNORECASE)]
    rest = [p for p in tokens if p not in (*inputs[:1], *outputs[:1])]
    if not tokens:
        return (
            "# tokens: {convention: inclusive, input: ..., output: ...}    # no path of the sample looks like tokens\n"
        )
    given = [hints.form(group[0], seen[group[0]]) if group else "fill" for group in (inputs, outputs)]
    return (
        "tokens:\n"
        "  convention: fill                # does input contain the cache reads and writes? inclusive | exclusive\n"
        f"  input: {given[0]}\n  output: {given[1]}\n"
        + "".join(f"  # also seen: {hints.form(p, seen[p])}\n" for p in rest[:8])
    )


def _perhaps(paths: list[str], word: str = "perhaps", last: str | None = None) -> str:
    said = [*map(hints.yaml_path, paths[:3]), *([last] if last else [])]
    return f"   # {word} {' or '.join(said)}" if said else ""
