"""The public functions. What the command line does, a program can do through these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from focus_ai.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from focus_ai.judgement import FailOn, Judgement
    from focus_ai.reconcile.causes import Limits
    from focus_ai.settings import Settings

Progress = Callable[[str, int, int], None]
Name = str | PathLike[str]
# Files, folders, globs, URLs, or `-` for standard input; one of them or several.
Inputs = Name | Sequence[Name]
Given: TypeAlias = "Settings | Name | Mapping[str, Any] | None"
GRAINS = ("request", "hour", "day", "month")


def _names(inputs: Inputs) -> list[str]:
    """The inputs as the command line gives them; one alone is no list of letters."""
    given = [inputs] if isinstance(inputs, (str, PathLike)) else inputs
    return [fspath(name) for name in given]


def _settings(given: Given) -> Settings:
    from focus_ai.settings import Settings

    if isinstance(given, (str, PathLike)):
        return Settings.load(Path(given))
    return given if isinstance(given, Settings) else Settings.from_dict(given or {})


def _limits(settings: Settings, memory_limit: str | None, threads: int | None) -> dict[str, Any]:
    engine = settings.engine
    return {"memory_limit": memory_limit or engine.memory_limit, "threads": threads or engine.threads}


def _paths(files: Sequence[Name]) -> list[Path]:
    return [Path(name) for name in files]


def _path(file: Name | None) -> Path | None:
    return None if file is None else Path(file)


def _months(words: Sequence[str]) -> tuple[str, ...]:
    from focus_ai.focus.rows import month_bounds

    for word in words:
        try:
            if len(word) != len("YYYY-MM"):
                raise ValueError(word)
            month_bounds(word)
        except ValueError:
            raise UsageError("not a month", value=word, expected="YYYY-MM, such as 2026-11") from None
    return tuple(sorted(set(words)))


def convert(
    inputs: Inputs,
    out: Name,
    *,
    adapter: str | None = None,
    mapping: Sequence[Name] = (),
    settings: Given = None,
    focus: str | None = None,
    grain: str | None = None,
    numeric: str | None = None,
    months: Sequence[str] = (),
    events: bool = False,
    ai_only: bool = False,
    validate: bool = True,
    allocation: Name | None = None,
    jobs: int = 1,
    memory_limit: str | None = None,
    threads: int | None = None,
    as_of: datetime | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Convert exports and logs into a FOCUS data set in `out`; returns the run report (schema focus-ai/run@1).

    `settings` are `Settings`, a settings file or its content as a mapping; None means the defaults. What stands in
    them holds where an argument is None: `focus` (a version with column facts), `grain` (request, hour, day or month),
    `numeric` (decimal or double), memory and threads. `months` (YYYY-MM) are the billing periods to write, none means
    all; records of other periods are counted as ignored, and those periods of the data set stay as they are. `ai_only`
    leaves out the rows of FOCUS files that are no AI spend. `validate` checks the rows that were priced against the
    rules of the version before the data set is called done. `as_of` is when the run takes place: now, unless said
    otherwise. Raises `UsageError` for a wrong argument or setting, `InputError` for an input that is missing or not
    recognised. Bad records never raise.
    """
    from focus_ai.sources.digests import Digests

    known = _settings(settings)
    focus, grain, numeric = focus or known.convert.focus, grain or known.convert.grain, numeric or known.convert.numeric
    if grain not in GRAINS:
        raise UsageError("unknown grain", value=grain, expected=", ".join(GRAINS))
    if numeric not in ("decimal", "exact", "double"):
        raise UsageError("unknown numeric form", value=numeric, expected="decimal or double")
    if allocation is not None and numeric == "double":
        raise UsageError("shares of binary doubles do not add up", next_step="leave out --numeric double")
    chosen = _months(months)
    names = _names(inputs)
    with Digests() as digests:
        digests.begin_early(names)  # beside the loading of everything else
        from focus_ai.convert import run

        return run(
            names, Path(out), digests=digests, adapter=adapter, mapping=_paths(mapping),
            settings=known, focus=focus, grain=grain, numeric=numeric, months=chosen, events=events, ai_only=ai_only,
            validate=validate, allocation=_path(allocation), jobs=jobs, as_of=as_of, progress=progress,
            **_limits(known, memory_limit, threads),
        )  # fmt: skip


def audit(
    inputs: Inputs,
    *,
    policy: Name | None = None,
    by: Sequence[str] = (),
    drill: str | None = None,
    top: int = 10,
    adapter: str | None = None,
    mapping: Sequence[Name] = (),
    settings: Given = None,
    jobs: int = 1,
    memory_limit: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Say whether a log is ready for showback and chargeback; returns the report (schema focus-ai/audit@1).

    `policy` names a policy file, `drill` a selection such as `team=search,model=gpt-5`, `by` breakdowns besides team,
    model, feature and day, `top` the rows of each list. Raises as `convert` does.
    """
    from focus_ai.audit import run
    from focus_ai.policy import load

    known = _settings(settings)
    # Whether a model has a price is what the run itself finds out.
    compiled = load(Path(policy), priced=lambda _provider, _model: True) if policy is not None else None
    return run(
        _names(inputs), policy=compiled, by=by, drill=drill, top=top, adapter=adapter, mapping=_paths(mapping),
        settings=known, jobs=jobs, progress=progress, **_limits(known, memory_limit, threads),
    )  # fmt: skip


def validate(
    inputs: Inputs,
    *,
    focus: str | None = None,
    dataset: str | None = None,
    model: Name | None = None,
    criteria: str | None = None,
    rules: Sequence[Name] = (),
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    strict_official: bool = False,
    samples: int = 5,
    rates: Settings | None = None,
    baseline: Name | None = None,
    fail_on: FailOn = "error",
    memory_limit: str | None = None,
    threads: int | None = None,
    temp: Name | None = None,
    progress: Progress | None = None,
) -> Judgement:
    """Judge FOCUS files: `.findings` holds everything that was found, `.failing` what fails at `fail_on`.

    `focus` and `dataset` are found from the data when not given. `criteria` is `all`, `none`, a comma list, a file,
    or None to infer them. `rates` (settings) compares unit prices with the rate card that they give. Raises
    `UsageError` for a wrong argument and `InputError` for files that are missing, damaged or not FOCUS.
    """
    from focus_ai import validate_run
    from focus_ai.validation.inputs.criteria_words import criteria_of

    request = validate_run.Request(
        focus=focus, dataset=dataset, model=_path(model), criteria=criteria_of(criteria), rules=_paths(rules),
        select=select, ignore=ignore, strict_official=strict_official, samples=samples, baseline=_path(baseline),
        fail_on=fail_on,
        others=validate_run.rate_card(rates) if rates is not None else None,
    )  # fmt: skip
    return validate_run.run(
        _names(inputs), request, memory_limit=memory_limit, threads=threads, temp=_path(temp), progress=progress
    )


def report(
    dataset: Name,
    *,
    settings: Given = None,
    filters: Mapping[str, str] | None = None,
    first: str | None = None,
    last: str | None = None,
    compare: Sequence[str] | None = None,
    budgets: Name | None = None,
    denominators: Sequence[Name] = (),
    audit: Name | None = None,
    currency: str | None = None,
    memory_limit: str | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """Who spent what, from FOCUS rows; returns the report (schema focus-ai/showback@1).

    `filters` are owner fields, model or provider; `first` and `last` days or months; `compare` two periods. Budgets
    come from the file `budgets` and from the accounts that the settings name. Raises `InputError` for rows or tables
    that cannot be read, `UsageError` for a wrong argument.
    """
    from focus_ai.showback import run

    known = _settings(settings)
    return run(
        Path(dataset), settings=known, filters=filters or {}, first=first, last=last, compare=compare,
        budget_file=_path(budgets), unit_files=_paths(denominators), audit_file=_path(audit), currency=currency,
        **_limits(known, memory_limit, threads),
    )  # fmt: skip


def reconcile(
    rated: Inputs,
    billed: Inputs = (),
    *,
    usage: Inputs = (),
    settings: Given = None,
    out: Name | None = None,
    by: Sequence[str] = (),
    rule: str = "bucket",
    limits: Limits | None = None,
    measure: str | None = None,
    period: str | None = None,
    as_of: datetime | None = None,
    listed: int = 200,
    close: str | None = None,
    close_out: Name | None = None,
    invoiced: Inputs = (),
    adapter: str | None = None,
    mapping: Sequence[Name] = (),
    memory_limit: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare rated charges with what was billed; returns the document of schema focus-ai/reconcile@1.

    Inputs are data sets, FOCUS files, raw exports, bills as CSV or YAML. `usage`, in place of a bill, is what the
    provider counted; a log that saw part of it is laid beside its rated amounts. `rule` is bucket, invoice or strict;
    `close` (split, adjust, scale) writes a data set into `close_out` whose costs sum to the bill. Raises `UsageError`
    and `InputError`.
    """
    from focus_ai.reconcile_run import run

    known = _settings(settings)
    if rule not in ("bucket", "invoice", "strict"):
        raise UsageError("unknown tolerance rule", value=rule, expected="bucket, invoice or strict")
    return run(
        _names(rated), _names(billed), usage=_names(usage), settings=known, out=_path(out), by=by, rule=rule,
        limits=limits, measure=measure, period=period, as_of=as_of, listed=listed, close=close,
        close_out=_path(close_out), invoiced=_names(invoiced), adapter=adapter, mapping=_paths(mapping),
        progress=progress, **_limits(known, memory_limit, threads),
    )  # fmt: skip


def allocate(
    dataset: Name,
    rules: Name,
    *,
    out: Name | None = None,
    costs: Sequence[Name] = (),
    memory_limit: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Split the shared cost of a data set by rules; returns the report (schema focus-ai/allocation-run@1).

    Without `out` nothing is written. Raises `UsageError` for rules that are not right, `InputError` for inputs.
    """
    from focus_ai.allocate_run import run

    return run(
        Path(dataset), Path(rules), out=_path(out), costs=_paths(costs), memory_limit=memory_limit,
        threads=threads, progress=progress,
    )  # fmt: skip


def verify_allocation(
    dataset: Name, *, memory_limit: str | None = None, threads: int | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Work out every share of an allocated data set again; returns the report (schema focus-ai/allocation-check@1).

    `ok` is false when a share, weight, sum or file is not what rules, weights and origin rows give. Raises
    `InputError` when the data set holds no allocation, or not what belongs to it.
    """
    from focus_ai.allocate_verify import run

    return run(Path(dataset), memory_limit=memory_limit, threads=threads, progress=progress)


def adapters() -> list[dict[str, Any]]:
    """Facts of every shipped adapter, by id."""
    from focus_ai.adapters import shipped

    return [adapter(name) for name in sorted(shipped())]


def adapter(name: str) -> dict[str, Any]:
    """Facts of one adapter. Raises `UsageError` with the nearest ids."""
    from focus_ai.adapters import by_id, page

    found = by_id(name)
    return {
        "id": found.id, "title": found.title, "docs": found.docs, "checked": found.checked, "kind": found.kind,
        "system": found.system, "reads": list(found.reads), "export": found.export, "records": found.records,
        "fields": sorted(found.fields), "tokens": {k: v for k, v in found.tokens.items() if isinstance(v, str)},
        "meters": [m["meter"] if isinstance(m["meter"], str) else "by record" for m in found.meters],
        "identity": list(found.identity), "settings": list(found.settings), "money_family": found.money_family,
        "leaves_out": dict(found.leaves_out), "traps": list(found.traps), "recognise": dict(found.recognise),
        "facts": page.facts(found), "maps": page.maps(found), "rules": page.rules(found),
    }  # fmt: skip
