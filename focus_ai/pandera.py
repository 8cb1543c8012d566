"""Pandera schemas of FOCUS tables for data frames of your own: `focus_ai.pandera.schema("1.3", "polars")`.

Made from the column facts in `schemas/focus/` that `validate` and the writer use: presence of Mandatory columns, kinds
of values, nulls, allowed values. What needs several columns or rows (prices times quantities, conditional nulls) is
the business of `focus-ai validate`. Needs the extra `pandera` and the data frame library itself; nothing here is
imported by the rest of the package.

Types are checked by meaning, not by storage: a number may be a decimal, a double or a whole number, an instant must
know its zone, JSON is text. A polars LazyFrame is not read by pandera; collect it first.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal

from focus_ai.errors import UsageError, nearest
from focus_ai.focus import columns

Backend = Literal["pandas", "polars", "pyarrow"]
BACKENDS = ("pandas", "polars", "pyarrow")
_MEANINGS = {
    "Decimal": "a number: decimal, double or whole number", "Integer": "a whole number",
    "DateTime": "an instant with its time zone", "String": "text", "JSON": "JSON as text",
}  # fmt: skip


def schema(version: str, backend: Backend = "pandas", dataset: str = columns.COST_AND_USAGE) -> Any:
    """A pandera DataFrameSchema for frames of that library; call its `validate(frame, lazy=True)`.

    Raises `UsageError` for an unknown version, dataset or backend, and when pandera or the library is not installed.
    """
    if backend not in BACKENDS:
        raise UsageError(f"no pandera schema for {backend!r}", value=backend, expected=nearest(backend, BACKENDS))
    model = columns.load(version, dataset)
    library = _pandera(backend)
    kinds = _KINDS[backend]
    held = {column.name: _column(library, column, kinds) for column in model.all_columns}
    return library.DataFrameSchema(held, strict=False, name=f"FOCUS {version} {dataset}")


def _pandera(backend: str) -> Any:
    try:
        return import_module(f"pandera.{backend}")
    except ImportError as error:
        missing = error.name or "pandera"
        raise UsageError(
            f"the pandera schema for {backend} needs a library that is not installed", value=missing,
            next_step=f"pip install 'focus-ai[pandera]' {backend}",
        ) from error  # fmt: skip


def _column(library: Any, column: columns.Column, kinds: Callable[[Any, str], Any]) -> Any:
    """One column: there when Mandatory, filled when nulls are not allowed, of its kind, one of its values."""
    meaning = _MEANINGS[column.type]
    checks = [library.Check(_kind(kinds, column.type), name="focus_type", error=f"{column.name} is {meaning}")]
    if column.values:
        checks.append(library.Check.isin(list(column.values), ignore_na=True))
    return library.Column(
        None, checks=checks, nullable=column.nulls, required=column.level == "Mandatory", name=column.name,
        description=column.description,
    )  # fmt: skip


def _kind(kinds: Callable[[Any, str], Any], wanted: str) -> Callable[[Any], Any]:
    return lambda data: kinds(data, wanted)


def _pandas(series: Any, wanted: str) -> bool:
    """Whether a pandas series holds the wanted kind; an object column is judged by its values."""
    types = import_module("pandas.api.types")

    dtype = series.dtype
    arrow = getattr(dtype, "pyarrow_dtype", None)
    if arrow is not None:
        return _arrow_type(arrow, wanted)
    if types.is_object_dtype(dtype) or isinstance(dtype, types.CategoricalDtype):
        found = types.infer_dtype(series, skipna=True)
        return found == "empty" or found in _OBJECTS[wanted]
    if wanted == "Decimal":
        return bool(types.is_numeric_dtype(dtype)) and not types.is_bool_dtype(dtype)
    if wanted == "Integer":
        return bool(types.is_integer_dtype(dtype)) or _whole(series)
    if wanted == "DateTime":
        return isinstance(dtype, types.DatetimeTZDtype)
    return bool(types.is_string_dtype(dtype))


def _whole(series: Any) -> bool:
    """Doubles without a fraction: what pandas makes of whole numbers with nulls."""
    types = import_module("pandas.api.types")

    return bool(types.is_float_dtype(series.dtype)) and bool((series.dropna() % 1 == 0).all())


_OBJECTS = {
    "Decimal": ("decimal", "integer", "floating", "mixed-integer-float"), "Integer": ("integer",),
    "DateTime": ("datetime", "datetime64"), "String": ("string", "categorical"), "JSON": ("string", "categorical"),
}  # fmt: skip


def _polars(data: Any, wanted: str) -> Any:
    """Per row whether a polars column holds the wanted kind; its type decides, nulls are of any kind."""
    pl = import_module("polars")

    fits = _polars_type(data.lazyframe.collect_schema()[data.key], wanted)
    return data.lazyframe.select(pl.col(data.key).is_null() | pl.lit(fits))


def _polars_type(dtype: Any, wanted: str) -> bool:
    pl = import_module("polars")

    if dtype == pl.Null:
        return True
    if wanted == "Decimal":
        return bool(dtype.is_numeric())
    if wanted == "Integer":
        return bool(dtype.is_integer())
    if wanted == "DateTime":
        return isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    return dtype in (pl.String, pl.Categorical, pl.Enum)


def _pyarrow(data: Any, wanted: str) -> bool:
    """Whether a column of a pyarrow table holds the wanted kind."""
    return _arrow_type(data.table.schema.field(data.key).type, wanted)


def _arrow_type(found: Any, wanted: str) -> bool:
    import pyarrow.types as types

    if types.is_dictionary(found):
        found = found.value_type
    if types.is_null(found):
        return True
    if wanted == "Decimal":
        return bool(types.is_decimal(found) or types.is_floating(found) or types.is_integer(found))
    if wanted == "Integer":
        return bool(types.is_integer(found))
    if wanted == "DateTime":
        return bool(types.is_timestamp(found)) and found.tz is not None
    return bool(types.is_string(found) or types.is_large_string(found) or types.is_string_view(found))


_KINDS: dict[str, Callable[[Any, str], Any]] = {"pandas": _pandas, "polars": _polars, "pyarrow": _pyarrow}
