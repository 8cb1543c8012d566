"""Manifest per billing period and the FOCUS metadata beside the data. Written last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """One JSON document, readable and in a fixed form."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def manifest(
    period: str,
    *,
    created: str,
    generator: Mapping[str, str],
    focus_version: str,
    schema_id: str,
    files: Sequence[Mapping[str, Any]],
    totals: Sequence[Mapping[str, Any]],
    unattributed: Mapping[str, Any],
    sources: Sequence[Mapping[str, Any]],
    run: Mapping[str, Any],
) -> dict[str, Any]:
    """The manifest of one billing period: what was written, from what, and the control totals as exact text."""
    return {
        "schema": "focus-ai/manifest@1",
        "billing_period": period,
        "created_at": created,
        "generator": dict(generator),
        "focus_version": focus_version,
        "schema_id": schema_id,
        "delivery": "Overwrite",
        "corrections": "Replacement",
        "row_count": sum(int(f["rows"]) for f in files),
        "files": [dict(f) for f in files],
        "totals": [dict(t) for t in totals],
        "unattributed": dict(unattributed),
        "sources": [dict(s) for s in sources],
        **dict(run),
    }
