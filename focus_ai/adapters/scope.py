"""Where the values of a record come from: every path an expression names is registered here and gets its SQL.

Three ways to read, one language: `json` (a JSON value per level, all paths of a level extracted in one call),
`typed` (DuckDB reads JSON Lines straight into a struct of text leaves; fastest) and `columns` (CSV and Parquet,
one text column per header name, deeper keys inside JSON text).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from focus_ai.adapters import series
from focus_ai.adapters.paths import Path, parse
from focus_ai.engine import ident, literal, literals
from focus_ai.errors import UsageError

# Names of the values that are computed once, in layers above the record.
_NAMES = re.compile(r"__[vx]\d+")
_TOKEN = re.compile(r"\x00R(\d+)\x00")


@dataclass(frozen=True)
class Let:
    """A named value of a mapping: SQL of the whole, and how a part of it is found.

    `part` gives the SQL of one key; `lists` are two columns, the names and the values at the same places (`nested`:
    the values are JSON); otherwise the whole is JSON and its used keys come out in one call.
    """

    whole: str | Callable[[], str]
    part: Callable[[str], str] | None = None
    lists: tuple[str, str] | None = None
    nested: bool = False


@dataclass
class Scope:
    """Registers paths and problems while expressions are compiled; `resolve` puts the final SQL in place."""

    mode: str
    depth: int = 0
    columns: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    lets: dict[str, Let] = field(default_factory=dict)
    repeats: frozenset[int] = frozenset()
    calls: str | None = None
    series: bool = False
    # What has to be looked at in a table: see `points` (12.000 may be twelve thousand) and `totals`.
    doubts: tuple[str, ...] = ()
    # `rn` holds the number of a file as well (`focus_ai.sources.bundle`).
    bundled: bool = False
    # Columns that say of an object on the way to the record: a key comes twice in it.
    twice: list[str] = field(default_factory=list)
    aliases: dict[str, tuple[str | int, ...]] = field(default_factory=dict)
    # The columns of the table that hold numbers with decimals.
    amounts: list[str] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    guards: list[str] = field(default_factory=list)
    _held: dict[str, str] = field(default_factory=dict)
    _levels: dict[str, int] = field(default_factory=dict)
    _inside: str | None = None
    _paths: list[Path] = field(default_factory=list)
    # The tree of the paths, and how many of them it was made of.
    _grown: tuple[int, dict[str, dict[str, object]]] = field(default=(-1, {}))
    _let_keys: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def path(self, text: str) -> str:
        """SQL of the value at a path, as text (JSON text for objects and arrays)."""
        named = parse(text)
        path = self._unalias(named)
        if path.let is not None:
            return self._let(path)
        if text == "." and self.depth == 0:
            raise UsageError("the whole record has a name only inside a document", value=text, expected="records: x[]")
        if path.up > self.depth:
            raise UsageError("the path climbs above the document", value=text, expected=f"at most {self.depth} ^")
        value = self._register(path)
        # The whole of a parsed text is JSON or nothing, in every reading mode.
        return f"CASE WHEN json_valid({value}) THEN {value} END" if named.let is not None and not named.keys else value

    def _register(self, path: Path) -> str:
        same = [i for i, p in enumerate(self._paths) if (p.up, p.keys) == (path.up, path.keys)]
        if not same:
            self._paths.append(path)
        return _token(same[0] if same else len(self._paths) - 1)

    def column(self, name: str) -> str:
        """SQL of a member of the record, the name taken literally."""
        return self._register(Path(0, None, (name,), name))

    def entry(self, name: str, key: str) -> str:
        """SQL of one entry of a let value (attributes, a JSON object), the key taken literally."""
        path = self._unalias(Path(0, name, (key,), f"${name}.{key}"))
        return self._let(path) if path.let is not None else self._register(path)

    def alias(self, name: str, text: str) -> bool:
        """Let a let value stand for the path it copies; only where the reader gives real structures (typed)."""
        path = self._unalias(parse(text))
        if self.mode != "typed" or path.let is not None:
            return False
        self.aliases[name] = path.keys
        return True

    def _unalias(self, path: Path) -> Path:
        if path.let in self.aliases:
            return Path(0, None, (*self.aliases[path.let], *path.keys), path.text)
        return path

    def _let(self, path: Path) -> str:
        name = path.let or ""
        if name not in self.lets:
            raise UsageError(f"no let value is called {name!r}", value=path.text, expected=", ".join(self.lets))
        let = self.lets[name]
        if not path.keys:
            return f"CAST({self._whole(let)} AS VARCHAR)"
        if let.part is not None:
            whole = let.part(str(path.keys[0]))
            return whole if len(path.keys) == 1 else self._member(f"TRY_CAST({whole} AS JSON)", path, 1)
        if let.lists is not None:
            names, values = let.lists
            found = f"{values}[list_position({names}, {literal(str(path.keys[0]))})]"
            if let.nested:
                return f"({found} ->> {literal(path.json_path(1))})"
            return found if len(path.keys) == 1 else self._member(f"TRY_CAST({found} AS JSON)", path, 1)
        alias, keys = self._let_keys.setdefault(name, (self._extraction(let), []))
        if path.json_path() not in keys:
            keys.append(path.json_path())
        return f"{alias}[{keys.index(path.json_path()) + 1}]"

    @staticmethod
    def _member(document: str, path: Path, skip: int) -> str:
        return f"json_extract_string({document}, {literal(path.json_path(skip))})"

    def _whole(self, let: Let) -> str:
        return self._named(let.whole if isinstance(let.whole, str) else let.whole())

    def _extraction(self, let: Let) -> str:
        """The name of the list of texts that are taken out of a JSON value; what it holds is known at the end."""
        whole = self._whole(let)
        alias = f"__x{len(self._let_keys)}"
        self._levels[alias] = self._levels[whole] + 1
        return alias

    @contextmanager
    def only_when(self, condition: str) -> Iterator[None]:
        """Problems registered inside count only where the condition holds: a branch not taken is no fault."""
        self.guards.append(condition)
        try:
            yield
        finally:
            self.guards.pop()

    def problem(self, condition: str, reason: str) -> None:
        """A condition under which the record is set aside, and the reason to give."""
        self.problem_sql(condition, literal(reason))

    def problem_sql(self, condition: str, reason: str) -> None:
        """The same with the reason as SQL, evaluated only for the records that fail."""
        if self.guards:
            condition = " AND ".join(f"({c})" for c in (*self.guards, condition))
        if (condition, reason) not in self.problems:
            self.problems.append((condition, reason))

    @contextmanager
    def inside(self, guard: str | None) -> Iterator[None]:
        """What is named here is computed only where the guard holds (None: everywhere)."""
        outer, self._inside = self._inside, guard
        try:
            yield
        finally:
            self._inside = outer

    def hold(self, sql: str) -> str:
        """Give a value a name, so that it is computed and written once, in the layer above the values it needs."""
        if _NAMES.fullmatch(sql):
            return sql
        return self._named(sql if self._inside is None else f"CASE WHEN {self._inside} THEN {sql} END")

    def _named(self, sql: str) -> str:
        if sql not in self._held:
            name = self._held[sql] = f"__v{len(self._held)}"
            self._levels[name] = 1 + max((self._levels.get(n, -1) for n in _NAMES.findall(sql)), default=-1)
        return self._held[sql]

    def layers(self) -> list[dict[str, str]]:
        """The named values, each layer in terms of those before it; asked for when all expressions are compiled."""
        named = {name: sql for sql, name in self._held.items()}
        for let, (alias, keys) in self._let_keys.items():
            named[alias] = f"{self._whole(self.lets[let])} ->> [{literals(keys)}]"
        found: list[dict[str, str]] = [{} for _ in range(1 + max(self._levels.values(), default=-1))]
        for name, sql in named.items():
            found[self._levels[name]][name] = sql
        return found

    def read_paths(self) -> list[Path]:
        """The paths that expressions have named so far, let values left out."""
        return list(self._paths)

    # -- final SQL ----------------------------------------------------------------------------------------------

    def level_paths(self, level: int) -> list[str]:
        """JSON paths needed from the JSON value of one level (0 = document)."""
        return [p.json_path() for p in self._paths if self.depth - p.up == level]

    def typed_columns(self) -> tuple[str, list[list[str]]]:
        """The `columns` argument of read_json for typed mode, and the struct nodes it expects to be objects."""
        tree = self._tree()
        nodes: list[list[str]] = []

        def text(node: dict[str, object], trail: list[str]) -> str:
            parts = []
            for key, child in node.items():
                if isinstance(child, dict) and child:
                    nodes.append([*trail, key])
                    parts.append(f"{ident(key)} STRUCT({text(child, [*trail, key])})")
                else:
                    parts.append(f"{ident(key)} VARCHAR")
            return ", ".join(parts)

        top = []
        for key, child in tree.items():
            if isinstance(child, dict) and child:
                nodes.append([key])
                top.append(f"{literal(key)}: {literal('STRUCT(' + text(child, [key]) + ')')}")
            else:
                top.append(f"{literal(key)}: 'VARCHAR'")
        return "{" + ", ".join(top) + "}", nodes

    def _tree(self) -> dict[str, dict[str, object]]:
        """Struct tree of the typed reader; a path used as a whole value is a leaf even when longer paths exist."""
        if self._grown[0] == len(self._paths):
            return self._grown[1]
        tree: dict[str, dict[str, object]] = {}
        # In the order of the mapping, which decides what is told of a record with several faults.
        leaves = dict.fromkeys(self._object_keys(p) for p in self._paths)
        for keys in sorted(leaves, key=len):
            if any(keys[:n] in leaves for n in range(1, len(keys))):
                continue
            node = tree
            for key in keys:
                node = node.setdefault(key, {})  # type: ignore[assignment]
        self._grown = len(self._paths), tree
        return tree

    @staticmethod
    def _object_keys(path: Path) -> tuple[str, ...]:
        """Keys up to the first array position."""
        keys: list[str] = []
        for key in path.keys:
            if isinstance(key, int):
                break
            keys.append(key)
        return tuple(keys)

    def object_nodes(self) -> list[str]:
        """JSON paths of the objects that hold mapped keys; there a repeated key or another type is an error."""
        return [
            "$" + "".join(f'."{k}"' for k in node)
            for node in ([], *(self.typed_columns()[1] if self.mode != "columns" and self.depth == 0 else []))
        ]

    def resolve(self, sql: str) -> str:
        """Replace the registered references by their SQL, in the reading mode of this scope."""
        return _TOKEN.sub(lambda found: self._reference(self._paths[int(found[1])]), sql)

    def _reference(self, path: Path) -> str:
        level = self.depth - path.up
        if self.series and level == self.depth:
            return series.member(path)
        if self.mode == "json":
            return f"p{level}[{self.level_paths(level).index(path.json_path()) + 1}]"
        if self.mode == "columns":
            column = str(path.keys[0])
            if column not in self.columns:
                return "CAST(NULL AS VARCHAR)"
            if len(path.keys) == 1:
                return f"r.{ident(column)}"
            return f"json_extract_string(TRY_CAST(r.{ident(column)} AS JSON), {literal(path.json_path(1))})"
        node: dict[str, object] = dict(self._tree())
        sql, used = "r", 0
        for key in self._object_keys(path):
            if key not in node:
                break
            sql, used = f"{sql}.{ident(key)}", used + 1
            node = dict(node[key])  # type: ignore[call-overload]
        if used == len(path.keys):
            return sql
        return f"json_extract_string(TRY_CAST({sql} AS JSON), {literal(path.json_path(used))})"


def _token(index: int) -> str:
    """Stands for a path until all are known. No literal or name can hold it: those refuse the NUL character."""
    return f"\x00R{index}\x00"
