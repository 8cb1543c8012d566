"""A judgement as JSON, shape `schemas/findings.schema.json`."""

from __future__ import annotations

import json

from focus_ai.judgement import Judgement


def render(judgement: Judgement) -> str:
    """One document; lone surrogates are escaped, so that it is valid UTF-8 whatever the cells hold."""
    text = json.dumps(judgement.to_dict(), ensure_ascii=False, indent=1)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = json.dumps(judgement.to_dict(), indent=1)
    return text + "\n"
