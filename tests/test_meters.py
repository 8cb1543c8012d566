"""Leaf meters: complete, with units that every FOCUS version accepts."""

from __future__ import annotations

import re

import pytest

from focus_ai.focus.columns import custom_columns
from focus_ai.meters import TOKEN_COLUMNS, meters

LEAVES = """
    input input_audio input_image input_video cache_read cache_read_audio cache_read_image cache_write
    cache_write_5m cache_write_30m cache_write_1h cache_write_12h output output_reasoning output_audio
    output_image output_video web_search web_fetch file_search maps_grounding code_execution session_runtime
    characters audio_seconds pages images video_seconds rerank request_fee vector_storage cache_storage
    provisioned credits accelerator_seconds dbu
"""

FIELDS = """
    input_uncached input_audio input_image input_video input_tool_use input_cache_read input_cache_read_audio
    input_cache_read_image input_cache_write_5m input_cache_write_30m input_cache_write_1h input_cache_write_12h
    input_cache_write_other output_text output_reasoning output_audio output_image output_video
"""

# FOCUS unit format, written from the grammar of 1.2 / 1.3 and of 1.4
DATA = "b|Kb|Mb|Gb|Tb|Pb|Eb|Kib|Mib|Gib|Tib|Pib|Eib|B|KB|MB|GB|TB|PB|EB|KiB|MiB|GiB|TiB|PiB|EiB"
COUNT = r"[A-Z][A-Za-z0-9]*(?: [A-Z][A-Za-z0-9]*)*"
N = "[1-9][0-9]*"
TIME = "Year|Month|Day|Hour|Minute|Second"
TIMES = "Years|Months|Days|Hours|Minutes|Seconds"
UNIT, SING, BASE = f"(?:{DATA}|{TIMES}|{COUNT})", f"(?:{DATA}|{COUNT})", f"(?:{DATA}|{TIME}|{TIMES}|{COUNT})"
OLD = re.compile(rf"(?:{N} )?{UNIT}|(?:{N} )?{SING}-(?:{TIMES})|(?:{N} )?{UNIT}/(?:{TIME})|{UNIT}/{N} (?:{TIMES})")
NEW = re.compile(rf"(?:{N} )?{BASE}(?:-{BASE})*(?:/(?:{TIME}|{N} (?:{TIMES})))?")


def test_the_expression_itself() -> None:
    for good in ("Tokens", "1000 Tokens", "1000000 Tokens", "Tokens/Minute", "Units/3 Months", "GB-Hours"):
        assert OLD.fullmatch(good) and NEW.fullmatch(good), good
    for bad in ("1M Tokens", "1K Tokens", "1,000,000 Tokens", "0 Tokens", "1.5 Tokens", "tokens", "Tokens/1M"):
        assert not OLD.fullmatch(bad) and not NEW.fullmatch(bad), bad
    assert not OLD.fullmatch("Request-Tokens") and NEW.fullmatch("Request-Tokens")


def test_every_leaf_meter_is_there() -> None:
    assert set(meters()) == set(LEAVES.split())


@pytest.mark.parametrize("name", LEAVES.split())
def test_units_follow_the_unit_format(name: str) -> None:
    m = meters()[name]
    for unit in (m.consumed_unit, m.pricing_unit):
        assert OLD.fullmatch(unit), unit
        assert NEW.fullmatch(unit), unit
    number = re.match(r"(\d+) (.*)", m.pricing_unit)
    if number:
        assert (int(number[1]), number[2]) == (m.unit_size, m.consumed_unit)
    elif m.pricing_unit == m.consumed_unit:
        assert m.unit_size == 1
    else:
        assert (m.consumed_unit, m.pricing_unit, m.unit_size) in {
            ("Seconds", "Minutes", 60),
            ("Seconds", "Hours", 3600),
            ("B-Hours", "GiB-Hours", 2**30),
        }


def test_token_meters_partition_the_neutral_fields() -> None:
    fields = [f for m in meters().values() for f in m.fields]
    assert sorted(fields) == sorted(f + "_tokens" for f in FIELDS.split())
    assert "input_tool_use_tokens" in meters()["input"].fields
    assert meters()["cache_write"].fields == ("input_cache_write_other_tokens",)
    for m in meters().values():
        token = m.consumed_unit == "Tokens"
        assert token == bool(m.fields) == (m.column is not None) == (m.pricing_unit == "1000000 Tokens")
        assert (m.direction is None) == (not token)


def test_texts_direction_and_cache_action() -> None:
    def facts(name: str) -> tuple[str, str | None, str | None, str | None]:
        m = meters()[name]
        return m.sku_meter, m.direction, m.cache_action, m.column

    assert facts("input") == ("Input Tokens", "Input", "Uncached", "x_InputTokens")
    assert facts("cache_read") == ("Cache Read Input Tokens", "Input", "Read", "x_CacheReadTokens")
    for name, ttl in (("cache_write", None), ("cache_write_5m", "5m"), ("cache_write_1h", "1h")):
        assert facts(name) == ("Cache Write Input Tokens", "Input", "Write", "x_CacheWriteTokens")
        assert meters()[name].ttl == ttl
    assert facts("output") == ("Output Tokens", "Output", None, "x_OutputTokens")
    assert facts("output_reasoning") == ("Reasoning Tokens", "Output", None, "x_OutputTokens")
    assert facts("input_audio")[0] == "Audio Input Tokens"
    assert facts("cache_storage") == ("Context Cache Storage", None, "Other", None)
    assert meters()["web_search"].pricing_unit == "1000 Requests"
    assert meters()["provisioned"].pricing_unit == "Unit-Hours"


def test_values_fit_the_columns() -> None:
    columns = {c.name: c for c in custom_columns("1.3")}
    assert set(TOKEN_COLUMNS.values()) <= set(columns)
    for m in meters().values():
        assert m.direction is None or m.direction in columns["x_TokenDirection"].values
        assert m.cache_action is None or m.cache_action in columns["x_TokenCacheAction"].values


def test_one_sku_text_is_not_shared_by_different_kinds() -> None:
    by_text: dict[str, set[tuple[object, ...]]] = {}
    for m in meters().values():
        by_text.setdefault(m.sku_meter, set()).add((m.direction, m.cache_action, m.consumed_unit))
    assert all(len(kinds) == 1 for kinds in by_text.values())
