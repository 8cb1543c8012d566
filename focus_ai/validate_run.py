"""One `validate` run from names of files to a judgement: inputs, rules, engine and baseline together."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from focus_ai import __version__
from focus_ai.engine import Session
from focus_ai.errors import InputError, InternalError, UsageError, nearest
from focus_ai.findings import Findings
from focus_ai.focus import columns
from focus_ai.judgement import Fact, FailOn, Judgement, read_baseline
from focus_ai.settings import Settings
from focus_ai.sources import SourceFile
from focus_ai.sources.sniff import Format
from focus_ai.validate_expected import explained
from focus_ai.validation import Options, RuleSet, load_official, load_rule_file, load_rules, validate
from focus_ai.validation.explanation import advice
from focus_ai.validation.inputs import Opened, find, open_files
from focus_ai.validation.inputs.columnar import damaged
from focus_ai.validation.inputs.shape import RULES

GENERATOR = f"focus-ai {__version__}"
# Rows whose amounts we computed; the others repeat what a provider billed.
OWN_ROWS = "\"x_CostBasis\" = 'rated'"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Request:
    """What to judge and how. `focus` and `dataset`: None finds them. `criteria`: None infers them from the data."""

    focus: str | None = None
    dataset: str | None = None
    model: Path | None = None
    criteria: Sequence[str] | None = None
    rules: Sequence[Path] = ()
    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    strict_official: bool = False
    samples: int = 5
    baseline: Path | None = None
    fail_on: FailOn = "error"
    others: Callable[[Session], dict[str, Any]] | None = field(default=None, compare=False)


def run(
    inputs: Sequence[str],
    request: Request,
    *,
    memory_limit: str | None = None,
    threads: int | None = None,
    temp: Path | None = None,
    progress: Progress | None = None,
) -> Judgement:
    """Judge the files; text files are staged below `temp`.

    Raises `InputError` and `UsageError`; what is wrong with the data is in the findings.
    """
    _check(request)
    baseline = read_baseline(request.baseline) if request.baseline else None
    if temp is not None:
        temp.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="focus-ai-", dir=temp) as folder:
        work = Path(folder)
        sources, remarks = find(inputs, work / "spool")
        with Session(work / "engine", memory_limit=memory_limit, threads=threads) as session, readable(sources):
            session.seal([work], [source.path.absolute() for source in sources] + [s.path for s in sources])
            opened = open_files(
                session, sources, version=request.focus, dataset=request.dataset, samples=request.samples,
                remarks=remarks, progress=progress,
            )  # fmt: skip
            rule_sets = rules_for(request, opened.identity.version, opened.identity.dataset)
            if progress:
                progress("judging", 0, 0)
            findings = _judge(session, opened, request, rule_sets)
            places = {(s.file, s.row) for f in findings.findings for s in f.samples if s.row is not None}
            opened.find_lines(sorted(places))
    lines = {place: line for place in places if (line := opened.line(*place)) is not None}
    return Judgement(findings, baseline, request.fail_on, lines, facts(rule_sets))


def _check(request: Request) -> None:
    """Refuse what cannot be right before any file is read. Raises `UsageError`."""
    names = sorted({name for version in columns.versions() for name in columns.datasets(version)})
    if request.dataset and request.dataset not in names:
        raise UsageError(
            "there is no such FOCUS dataset", value=request.dataset, expected=nearest(request.dataset, names)
        )
    if request.focus and not request.model and request.focus not in columns.versions():
        known = ", ".join(columns.versions())
        raise UsageError(f"there are no rules for FOCUS {request.focus}", value=request.focus, expected=known)
    if request.model and not request.model.is_file():
        raise UsageError("the requirements model does not exist", where=str(request.model))


def rate_card(settings: Settings) -> Callable[[Session], dict[str, Any]]:
    """The rate card of these settings as a further data set, for rules that compare unit prices."""

    def opened(session: Session) -> dict[str, Any]:
        from focus_ai.validate_rates import rates

        return {"rates": rates(session, settings)}

    return opened


def check_written(session: Session, files: Sequence[Path], focus: str) -> Findings:
    """Judge CostAndUsage files that were just written, in the session that wrote them; it must be allowed to read them.

    Only rows that we priced are judged: rows that a bill or a FOCUS file of others gave us carry its faults. Criteria
    are not inferred, because a run mixes providers that support different things. Raises nothing about the data.
    """
    sources = [SourceFile(str(path), path, Format("parquet"), path.stat().st_size) for path in sorted(files)]
    opened = open_files(session, sources, version=focus, dataset="CostAndUsage")
    own = f"(SELECT * FROM {opened.dataset.relation} WHERE {OWN_ROWS})"
    opened = replace(opened, dataset=replace(opened.dataset, relation=own))
    return _judge(session, opened, Request(focus=focus, criteria=()), [_musts(focus)])


@cache
def _musts(focus: str) -> RuleSet:
    """The rules whose breach would be an error, without bundles of them."""
    shipped = next(s for s in load_rules(focus, "CostAndUsage") if s.focus_version == focus)
    rules = tuple(r for r in shipped.rules if r.severity == "error" and r.require is not None)
    return replace(shipped, rules=rules)


def refuse_faulty(findings: Findings) -> None:
    """Raise `InternalError` for errors in what we wrote: the data set must not be called done."""
    errors = [f for f in findings.findings if f.severity == "error"]
    if errors:
        told = "; ".join(f"{f.rule}: {f.message}" for f in errors[:3])
        raise InternalError(
            f"the data set that was written breaks {len(errors)} rules of FOCUS {findings.focus_version}", value=told,
            expected="none", next_step="nothing was replaced; please report this with the input that shows it",
        )  # fmt: skip


def rules_for(request: Request, version: str, dataset: str) -> list[RuleSet]:
    """The rule sets of a run: an official model or the shipped rules of the version, then the user's own files."""
    shipped = [load_official(request.model, dataset)] if request.model else load_rules(version, dataset)
    sets = [*shipped, *(load_rule_file(path) for path in request.rules)]
    known = [*RULES, *(rule.id for rule_set in sets for rule in rule_set.rules)]
    for option, patterns in (("--select", request.select), ("--ignore", request.ignore)):
        for pattern in patterns:
            if not any(fnmatchcase(rule, pattern) for rule in known):
                raise UsageError(
                    f"{option} names no rule of FOCUS {version} {dataset}", value=pattern,
                    expected=_near(pattern, known), next_step=f"focus-ai rules list --focus {version}",
                )  # fmt: skip
    return sets


def _near(pattern: str, known: Iterable[str]) -> str:
    hint = nearest(pattern, known)
    return "an id or a pattern such as BilledCost-*" if hint.startswith("known:") else hint


def facts(rule_sets: Sequence[RuleSet]) -> dict[str, Fact]:
    """What is known about each rule besides its verdict."""
    found = {r.id: Fact(r.why, r.fix, f"example: {r.example}") for r in RULES.values()}
    for rule_set in rule_sets:
        for rule in rule_set.rules:
            where = f"FOCUS {rule_set.focus_version}, {rule.section}" if rule.section and rule_set.focus_version else ""
            why, fix = advice(rule)
            found[rule.id] = Fact(why, fix, where or rule.section)
    return found


def _judge(session: Session, opened: Opened, request: Request, rule_sets: Sequence[RuleSet]) -> Findings:
    """The findings of the rules and, before them, those about the form of the files."""
    # Rules about the form of the files are decided already; the engine knows only the others.
    ids = {rule.id for rule_set in rule_sets for rule in rule_set.rules}
    select = [p for p in request.select if any(fnmatchcase(rule, p) for rule in ids)]
    options = Options(
        criteria=request.criteria, select=select,
        ignore=[p for p in request.ignore if any(fnmatchcase(rule, p) for rule in ids)], samples=request.samples,
        strict_official=request.strict_official, others=request.others(session) if request.others else {},
    )  # fmt: skip
    if request.select and not select:
        rule_sets = ()
    identity = opened.identity
    findings = validate(
        session, opened.dataset, rule_sets, options, version=identity.version, dataset_name=identity.dataset
    )
    rules = {rule.id: rule for rule_set in rule_sets for rule in rule_set.rules}
    told = explained(findings.findings, rules, identity.version, identity.dataset)
    kept = {rule for rule in RULES if _asked(rule, request)}
    found = f"version {identity.version} {identity.how_version}; dataset {identity.dataset} {identity.how_dataset}"
    return replace(
        findings,
        rules=(*(v for v in opened.verdicts if v.rule in kept), *findings.rules),
        findings=(*(f for f in opened.findings if f.rule in kept), *told),
        notes=(found, *opened.remarks, *findings.notes),
        generator=GENERATOR,
    )


def _asked(rule: str, request: Request) -> bool:
    wanted = not request.select or any(fnmatchcase(rule, pattern) for pattern in request.select)
    return wanted and not any(fnmatchcase(rule, pattern) for pattern in request.ignore)


@contextmanager
def readable(sources: Sequence[SourceFile]) -> Iterator[None]:
    """Turn what the engine says about damaged bytes or too little memory into an error that a person can use."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise UsageError(
            "the memory limit is too small for these inputs", value=(str(error).splitlines() or [""])[0][:200],
            next_step="give more with --memory-limit, such as 2GB, or fewer --threads",
        ) from error  # fmt: skip
    except duckdb.Error as error:
        for source in sources:
            if source.format.kind == "parquet" and (why := _unreadable(source.path)):
                raise damaged(source.name, why) from error
        if _about_bytes(error):
            names = ", ".join(source.name for source in sources[:3])
            raise InputError(
                "the engine cannot read the input", where=names, value=str(error).splitlines()[0][:200],
                next_step="check the file with another reader, or write it again",
            ) from error  # fmt: skip
        raise


def _about_bytes(error: Exception) -> bool:
    """Whether the engine complains about the bytes of a file rather than about a query of ours."""
    import duckdb

    told = str(error).lower()
    words = (
        "parquet", "utf8", "utf-8", "unicode", "encoding", "decompress", "snappy", "zstd", "page", "corrupt", "thrift",
        "tprotocolexception",
    )  # fmt: skip
    return isinstance(error, duckdb.IOException) or any(word in told for word in words)


def _unreadable(path: Path) -> Exception | None:
    """Why a second reader cannot read the Parquet file to its end either; None when it can."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as opened:
            for batch in opened.iter_batches(batch_size=50_000):
                batch.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
        return error
    return None
