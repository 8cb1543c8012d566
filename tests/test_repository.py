"""Promises of the repository as a whole: no traces of a machine, no floats near money, small documented modules."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "focus_ai"
MONEY_ROOMS = ("pricing", "usage", "focus", "allocation", "ownership", "reconcile", "audit", "showback")
LONGEST = 400
# Places that may name a binary float, each because a receiver asks for doubles (`--numeric double`).
DOUBLES = {"focus/columns.py": "arrow_type"}

_REGISTRY = re.compile(r"https?://\S+/(simple/[a-z]|packages/[0-9a-f]{2}/[0-9a-f]{2}|-/[a-z0-9.-]+\.tgz)")
_HOME = re.compile(r"(?<![\w.])/(?:home|Users)/[a-z][\w.-]*/|/[r]oot/\w")


def texts() -> Iterator[tuple[Path, str]]:
    """Every text file of the repository: what git knows or would take; outside a checkout, every file."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        files = [ROOT / name for name in listed]
    except (OSError, subprocess.CalledProcessError):
        files = [p for p in ROOT.rglob("*") if not {".venv", ".git", "demo-out"} & set(p.relative_to(ROOT).parts)]
    for path in files:
        if path.is_file():
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def modules(*folders: str) -> list[Path]:
    """Python files of the package, or of some of its rooms."""
    roots = [PACKAGE / folder for folder in folders] if folders else [PACKAGE]
    return sorted(path for root in roots for path in root.rglob("*.py") if "_data" not in path.parts)


def test_no_path_of_a_machine_and_no_address_of_a_registry() -> None:
    here = str(ROOT.parent) + "/"
    found = [
        f"{path.relative_to(ROOT)}: {hit.group(0)}"
        for path, text in texts()
        if path != Path(__file__)
        for hit in (*_HOME.finditer(text), *_REGISTRY.finditer(text), *re.finditer(re.escape(here), text))
    ]
    assert found == []


def floats(path: Path) -> Iterator[str]:
    """Float literals, float(...) calls and binary float types of a module."""
    allowed = DOUBLES.get(path.relative_to(PACKAGE).as_posix())
    tree = ast.parse(path.read_text(encoding="utf-8"))
    spared = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name == allowed
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if id(node) in spared:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"{path.relative_to(ROOT)}:{node.lineno}: literal {node.value}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            yield f"{path.relative_to(ROOT)}:{node.lineno}: float()"
        if isinstance(node, ast.Attribute) and node.attr in ("float16", "float32", "float64"):
            yield f"{path.relative_to(ROOT)}:{node.lineno}: {node.attr}"


def test_no_float_touches_money_or_quantities() -> None:
    found = [hit for path in [PACKAGE / "money.py", *modules(*MONEY_ROOMS)] for hit in floats(path)]
    assert found == []


def test_the_search_for_floats_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "a.py").write_text("x = 0.5\ny = float('1')\nz = pa.float64()\nn = 5\n")
    assert [hit.split(": ")[1] for hit in floats(tmp_path / "a.py")] == ["literal 0.5", "float()", "float64"]


def test_modules_are_short() -> None:
    lengths = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in modules()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_room_says_what_it_is() -> None:
    rooms = [p for p in sorted(PACKAGE.iterdir()) if p.is_dir() and any(p.glob("*.py"))]
    assert len(rooms) >= 8
    silent = []
    for room in rooms:
        init = room / "__init__.py"
        text = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) if init.exists() else None
        if not text or len(text) < 80:
            silent.append(room.name)
    assert silent == []


def test_every_module_has_a_docstring() -> None:
    silent = [str(p.relative_to(ROOT)) for p in modules() if not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert silent == []


def test_links_between_the_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []
