"""Reports of `validate`: one judgement of a data set as text, JSON, SARIF, JUnit, annotations, Markdown or HTML.

Comes in: a `Judgement` (findings, baseline, lines). Goes out: text in one of the forms of `FORMS`. Every form names
rule, column, rows, file, row, value, money and what to do; none reads a file or computes a verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from focus_ai.judgement import Judgement

# Form -> module and function; only what is asked for is imported.
FORMS = {
    "text": "text",
    "json": "document",
    "sarif": "sarif",
    "junit": "junit",
    "github": "annotations",
    "markdown": "markdown",
    "html": "page",
}


def render(form: str, judgement: Judgement) -> str:
    """The judgement in one form, ending with a newline. Raises `KeyError` for an unknown form."""
    module = import_module(f"{__name__}.{FORMS[form]}")
    write: Callable[[Judgement], str] = module.render
    return write(judgement)


__all__ = ["FORMS", "render"]
