"""FOCUS: charges become rows of FOCUS 1.2, 1.3 or 1.4.

In: the tables of charges, prices, owners and places. Out: the SQL of rows with exactly the columns of the asked
version and our x_ columns, in their order. Must not know: how an export looks, how a price was found, how files are
written.
"""

from focus_ai.focus.columns import FocusVersion, arrow_schema, load, versions
from focus_ai.focus.places import create_places
from focus_ai.focus.rows import rows_sql

__all__ = ["FocusVersion", "arrow_schema", "create_places", "load", "rows_sql", "versions"]
