"""docs/adapters.md names every shipped export and equals its regeneration."""

from __future__ import annotations

from pathlib import Path

from focus_ai.adapters.catalogue import shipped
from focus_ai.adapters.docs import render
from focus_ai.adapters.page import facts, maps

PAGE = Path(__file__).parents[2] / "docs" / "adapters.md"


def test_the_page_equals_its_regeneration() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: make docs"


def test_every_export_has_its_row() -> None:
    text = render()
    assert len(shipped()) > 100
    assert [name for name in shipped() if f"| `{name}` |" not in text] == []


def test_named_values_are_spelled_out_and_headers_named() -> None:
    """Nobody should have to look up `$hdr`; calls inside a record and what decides a convention are told."""
    kong, nginx, logs = (shipped()[n] for n in ("kong-log", "nginx-json-access-log", "litellm-spend-logs"))
    assert maps(kong)["owner_product"] == "request.headers x-owner-product"
    assert maps(nginx)["tokens.cache_write_5m"] == "usage.cache_creation.ephemeral_5m_input_tokens"
    assert 'rag_embedding: ai.proxy."rag-inject"' in facts(kong)["calls"]
    assert facts(nginx)["tokens"].startswith("convention exclusive or inclusive, by usage.prompt_tokens, ")
    assert facts(logs)["grain"] == "one record is one call that was made or one record is one request"
