"""What every run that reads exports does first: the mapping of each input, the rate card.

In: files that `sources` found and the settings. Out: mappings by file, a rate card. Nothing is read beyond the
samples that recognition needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as MappingType
from pathlib import Path
from typing import Any

from focus_ai.adapters import Mapping, Staged, by_id, heads, recognise
from focus_ai.adapters.mapping import Head
from focus_ai.adapters.recognise import claims, damaged, sample
from focus_ai.errors import InputError, UsageError
from focus_ai.pricing.card import RateCard
from focus_ai.settings import Settings
from focus_ai.sources import Reject, SourceFile
from focus_ai.sources.foreign import what_it_is
from focus_ai.sources.sniff import BOM, head_of


def rate_card(settings: Settings) -> RateCard:
    """The rate card with the files that the settings name. Raises `UsageError`, `InputError`."""
    rates = settings.rates
    if len(rates.fx) > 1:
        raise UsageError("only one exchange-rate file is read", value=", ".join(map(str, rates.fx)))
    return RateCard.load(
        user_files=rates.files, contracts=rates.contracts, fx=rates.fx[0] if rates.fx else None,
        billing_currency=settings.convert.billing_currency,
    )  # fmt: skip


def choose(sources: Sequence[SourceFile], adapter: str | None, own: MappingType[str, Mapping]) -> dict[str, Mapping]:
    """The mapping of every input. Files of which nothing can be read have none; that all are such is an error."""
    known: dict[str, Head] = {**heads(), **own}
    forced = by_id(adapter, own) if adapter else next(iter(own.values())) if len(own) == 1 else None
    chosen: dict[str, Mapping] = {}
    unknown: list[InputError] = []
    for source in sources:
        if source.format.kind == "empty" or source.format.fault:
            continue
        if source.format.encoding == "utf-16":
            raise InputError(
                "the input is UTF-16 text, which is not read", where=source.name, expected="UTF-8 or Latin-1",
                next_step="save it as UTF-8, for example with iconv -f UTF-16 -t UTF-8",
            )  # fmt: skip
        if source.format.kind == "unknown" and not _text_log(source, known.values()):
            raise InputError(
                "the input is neither JSON, CSV nor Parquet", where=source.name,
                expected="JSON, JSON Lines, CSV (UTF-8 or Latin-1) or Parquet, plain or gzip or zstd",
                **what_it_is(source),
            )  # fmt: skip
        if adapter:
            assert forced is not None
            chosen[source.name] = forced
        elif forced is not None:
            # A single mapping of the user's own reads what no shipped adapter recognises, and what it claims itself.
            chosen[source.name] = _own_or_shipped(source, forced, own)
        else:
            try:
                chosen[source.name] = by_id(recognise(source, known).id, own)
            except InputError as error:
                if not _an_empty_answer(source):
                    raise
                if not source.format.array:  # the keys of a page may tell what was meant
                    unknown.append(error)
    if unknown and not chosen:
        raise unknown[0]
    if not chosen and (faulty := next((s for s in sources if s.format.fault), None)):
        raise damaged(faulty)
    if not chosen:
        raise InputError("every input is empty", where=", ".join(s.name for s in sources[:5]))
    return chosen


def _an_empty_answer(source: SourceFile) -> bool:
    """Does the whole file hold nothing but empty lists and what stands around them? An export was asked for records and
    found none. One that tells of an error is no such answer."""
    text = head_of(source.path, source.format.compression).removeprefix(BOM)
    try:
        parts = text.splitlines() if source.format.kind == "jsonl" else [text]
        pages = [json.loads(part) for part in parts if part.strip()]
    except (ValueError, RecursionError):
        return False
    found = [value for page in pages for value in _values(page)]
    full = any(isinstance(value, list) and value for value in found)
    return [] in found and not full and not any(map(_tells_of_an_error, pages))


def _values(value: Any) -> Iterator[Any]:
    yield value
    for inner in value.values() if isinstance(value, dict) else ():
        yield from _values(inner)


def _tells_of_an_error(document: Any) -> bool:
    return isinstance(document, dict) and any(document.get(key) for key in ("error", "errors"))


def _text_log(source: SourceFile, known: Iterable[Head]) -> bool:
    """Is this a text whose lines a mapping describes?"""
    seen = sample(source)
    return any(claims(m, seen) for m in known if m.line is not None)


def _own_or_shipped(source: SourceFile, forced: Mapping, own: MappingType[str, Mapping]) -> Mapping:
    seen = sample(source)
    if not forced.recognise or claims(forced, seen):
        return forced
    known: dict[str, Head] = {**heads(), **own}
    return by_id(recognise(source, known).id, own)


def unread(source: SourceFile) -> Staged:
    """What stands for a file without a mapping: no record, and why nothing of it can be read. Of an empty answer
    everything was read."""
    form = source.format
    reason = form.fault or ("empty_file" if form.kind == "empty" else "")
    gone = (Reject(source.name, None, reason, None, form.detail or None),) if reason else ()
    return Staged(source.name, "", Path(), (), 0, 0, 0, gone)
