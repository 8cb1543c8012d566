"""One `convert` run from arguments to a delivered data set: the pipeline between its inputs and its files."""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from focus_ai import __version__, pipeline, replaced, report, run_warnings
from focus_ai.adapters import Mapping, Staged, load
from focus_ai.adapters.beside import lay_beside
from focus_ai.adapters.staged import too_many, with_texts
from focus_ai.adapters.tasks import stage_all
from focus_ai.clock import created_at
from focus_ai.engine import Session
from focus_ai.engine.session import USUAL_MEMORY
from focus_ai.errors import InternalError, UsageError
from focus_ai.focus import arrow_schema
from focus_ai.intake import choose, rate_card, unread
from focus_ai.meters import meters as meter_table
from focus_ai.money import text
from focus_ai.ownership import OwnerBook, Pseudonyms
from focus_ai.ownership.attach import attach_people, attach_users
from focus_ai.ownership.raw_texts import raw_text, raw_text_sql
from focus_ai.pricing.card import RateCard
from focus_ai.pricing.charges import REQUEST
from focus_ai.rewrite import GENERATOR, write_metadata
from focus_ai.settings import Settings
from focus_ai.sinks import Delivery, Written, metadata
from focus_ai.sinks.events import write_events
from focus_ai.sinks.exceptions import by_place, write_lines, write_places, write_rejects
from focus_ai.sinks.manifest import write_json
from focus_ai.sources import Reject, SourceFile, discover
from focus_ai.sources.digests import Digests, sha256
from focus_ai.stated import check_exports, facts, without_effect
from focus_ai.usage import attempts, same_calls
from focus_ai.usage.contradictions import COMPARED, Contradiction, contradictions
from focus_ai.usage.months import REASON as OTHER_MONTH
from focus_ai.usage.told_again import told_again
from focus_ai.validate_run import check_written, refuse_faulty

# Rows of FOCUS files are wide: hundreds of texts, each read and kept.
FOCUS_MEMORY = 2 * USUAL_MEMORY

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Also:
    """What a run does besides writing rows: the events, the check of the rows, the split of shared cost; and what is
    known of it: the user's own mapping files, and when it takes place."""

    events: bool
    validate: bool
    allocation: Path | None
    mapping: tuple[Path, ...]
    as_of: datetime | None


def run(
    inputs: Sequence[str | SourceFile],
    out: Path,
    *,
    digests: Digests,
    adapter: str | None,
    mapping: Sequence[Path],
    settings: Settings,
    focus: str,
    grain: str,
    numeric: str,
    events: bool,
    months: tuple[str, ...] = (),
    ai_only: bool = False,
    validate: bool = True,
    allocation: Path | None = None,
    jobs: int = 1,
    memory_limit: str | None = None,
    threads: int | None = None,
    as_of: datetime | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """See `focus_ai.api.convert`. `digests` of the inputs may have begun already."""
    plan = pipeline.Plan(settings, focus, grain, numeric, months)
    arrow_schema(focus)  # an unknown version is refused before anything is read
    own = {m.id: m for m in map(load, mapping)}
    check_exports(settings, own)
    book = OwnerBook.load(settings)
    card = rate_card(settings)
    delivery = Delivery(out)
    try:
        sources = discover(inputs, delivery.work / "spool", own=False)
        digests.begin(s.path for s in sources)
        chosen = choose(sources, adapter, own)
        if ai_only:
            chosen = {name: m.ai_only() for name, m in chosen.items()}
        laid = lay_beside(sources, chosen, delivery.work)
        staged = stage_all(
            [(s, chosen[s.name], facts(chosen[s.name], settings, s.name)) for s in laid if s.name in chosen],
            delivery.work, jobs=jobs, memory_limit=memory_limit, threads=threads, numbered=events,
            extra=None if events else _extra(plan, book, chosen), progress=progress,
        )  # fmt: skip
        staged += [unread(s) for s in sources if s.name not in chosen]
        room = FOCUS_MEMORY if any(m.focus_rows for m in chosen.values()) else USUAL_MEMORY
        with Session(
            delivery.work / "engine", memory_limit=memory_limit, threads=threads, for_two=room
        ) as session:  # fmt: skip
            session.seal([delivery.folder], replaced.old_files(delivery.out))
            rated = pipeline.rate(session, staged, list(chosen.values()), plan, book, card)
            result = _deliver(
                session, delivery, plan, sources, chosen, staged, rated, digests, book, progress,
                _Also(events, validate, allocation, tuple(mapping), as_of),
            )  # fmt: skip
        delivery.commit()
    except BaseException as error:
        delivery.discard()
        if type(error).__name__ == "OutOfMemoryException":  # duckdb is not imported for this
            raise UsageError(
                "the memory limit is too small for these inputs", value=memory_limit,
                next_step="give more with --memory-limit, such as 2GB, or fewer --threads",
            ) from error  # fmt: skip
        raise
    return result


def _extra(plan: pipeline.Plan, book: OwnerBook, chosen: MappingType[str, Mapping]) -> frozenset[str]:
    """Fields that this run needs besides the core ones: evidence that can change an owner, request ids."""
    several = len({m.system for m in chosen.values() if m.kind == "usage"}) > 1
    ids = same_calls.FIELDS if several else ()
    # A report that was asked for by user is another answer than the one by model.
    asked = (
        ("end_user_id",) if any("grouping" in m.asked_by and "end_user_id" in m.fields for m in chosen.values()) else ()
    )
    return frozenset((*book.needs, *ids, *asked, *attempts.FIELDS, *(REQUEST if plan.grain == "request" else ())))


def _deliver(
    session: Session,
    delivery: Delivery,
    plan: pipeline.Plan,
    sources: Sequence[SourceFile],
    chosen: MappingType[str, Mapping],
    staged: Sequence[Staged],
    rated: pipeline.Rated,
    digests: Digests,
    book: OwnerBook,
    progress: Progress | None,
    also: _Also,
) -> dict[str, Any]:
    """Write rows, exceptions, metadata and the report into the delivery folder."""
    created = also.as_of or created_at()
    schema = arrow_schema(plan.focus, "double" if plan.numeric == "double" else "exact", extra=rated.extra)
    instance = metadata.dataset_instance(f"{GENERATOR} {plan.grain}")
    described = metadata.schema_object(
        plan.focus, schema, created=created, generator_version=__version__,
        instance_id=instance["DatasetInstanceId"] if metadata.has_instances(plan.focus) else None,
    )  # fmt: skip
    footer = metadata.footer(described, GENERATOR)
    written = pipeline.write_periods(session, rated, plan, delivery.folder, footer, progress)
    split: dict[str, Any] = {}
    aside: list[Path] = []
    if also.allocation is not None:
        from focus_ai.allocate_run import apply

        written, aside, split = apply(session, delivery.folder, delivery.work, written, also.allocation, footer)
    files = [f for fs in written.values() for f in fs]
    judged = _judged(session, files, plan) if also.validate else None
    relation = report.data_relation(files)
    people = plan.settings.privacy.user_ids
    exceptions = _exceptions(session, delivery.folder / "exceptions", staged, rated, people)
    paths = [*(f.path for f in files), *exceptions, *aside]
    if also.events:
        pseudonyms = Pseudonyms.from_settings(plan.settings)
        if plan.grain != "request":  # rows of that grain needed the table of users before
            attach_users(session, pseudonyms, rated.present)
        named = attach_people(session, pseudonyms, rated.present)
        paths += write_events(session, delivery.folder / "events", rated.present, named)
    source_facts = [
        {"path": s.name, "adapter": chosen[s.name].id if s.name in chosen else None,
         "records": next((t.read for t in staged if t.source == s.name), 0), "sha256": digests.of(s.path)}
        for s in sources
    ]  # fmt: skip
    report.create_totals(session, relation if plan.numeric != "double" else pipeline.all_rows(session, rated, plan))
    money = report.money_totals(session)
    if money["rows"] != sum(f.rows for f in files):
        raise InternalError("rows written and rows read back differ", value=f"{money['rows']}")
    result: dict[str, Any] = {
        "schema": report.SCHEMA,
        "version": __version__,
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "focus": plan.focus,
        "grain": plan.grain,
        "numeric": plan.numeric,
        **({"months": list(plan.months)} if plan.months else {}),
        "records": report.records(session, staged, rated),
        "rejected": report.rejected(staged, rated),
        "ignored": _ignored(session, rated),
        "unpriced": _unpriced(session),
        "rows": money["rows"],
        "totals": money["totals"],
        "tokens": report.token_counts(
            session, rated, told_again(session, [*chosen.values()], rated.present, rated.carriers)
        ),
        "unattributed": money["unattributed"],
        **{k: money[k] for k in ("by_provider", "by_model", "by_team")},
        "billing_source": [*rated.carriers.decisions],
        "warnings": [
            *run_warnings.changed(s.name for s in sources if digests.changed(s.path)),
            *run_warnings.stated_in_vain(without_effect(plan.settings, chosen)),
            *run_warnings.warnings(session, relation, rated, staged, created, plan.settings),
            *replaced.lost_days(session, delivery.out, written, relation, plan.grain),
        ],
        "validation": judged,
        **({"focus_files": dict(rated.carried.report)} if rated.carried else {}),
        **({"allocation": split} if split else {}),
        "adapters": sorted({m.id for m in chosen.values()}),
        "inputs": source_facts,
        "tables": _tables(rated.card, book, also.mapping),
        "rate_card": rated.card.card_id,
    }
    result["run_id"] = report.digest(
        {
            k: result[k]
            for k in ("version", "focus", "grain", "numeric", "months", "inputs", "tables", "rate_card")
            if k in result
        }
    )
    result["files"] = report.file_entries(delivery.folder, paths, {f.path: f for f in files})
    write_metadata(session, delivery, plan, described, instance, written, result, source_facts, created)
    kept = delivery.keep_untouched({f"billing_period={p}" for p in written})
    result["kept_periods"] = [k.removeprefix("billing_period=") for k in kept]
    result["out"] = str(delivery.out)
    write_json(delivery.folder / "run.json", {k: v for k, v in result.items() if k != "out"})
    return result


def _tables(card: RateCard, book: OwnerBook, mapping: Sequence[Path]) -> list[dict[str, str]]:
    """The user's own files that decide prices, owners and readings, with what they held; in any order the same."""
    files = [*card.files, *(("owners", Path(f.path).name, f.sha256) for f in book.files)]
    files += [("mapping", path.name, sha256(path)) for path in mapping]
    return [{"kind": kind, "path": name, "sha256": digest} for kind, name, digest in sorted(files)]


def _judged(session: Session, files: Sequence[Written], plan: pipeline.Plan) -> dict[str, Any]:
    """The rules of the version over the rows that we priced. Raises `InternalError` when one of them is broken."""
    if not files:
        return {"focus_version": plan.focus, "rows": 0, "passed": 0, "failed": 0}
    findings = check_written(session, [f.path for f in files], plan.focus)
    refuse_faulty(findings)
    counts = {name: findings.summary[name] for name in ("passed", "failed", "not_applicable", "not_checked")}
    return {"focus_version": plan.focus, "rows": findings.rows, **counts}


def _exceptions(
    session: Session, folder: Path, staged: Sequence[Staged], rated: pipeline.Rated, people: str
) -> list[Path]:
    """What was set aside. `people`: what becomes of ids of people, which the texts of records may hold."""
    conflicts = map(_contradicts, contradictions(session, rated.duplicates.said))
    files = sorted(staged, key=lambda s: s.source)
    rejects = heapq.merge(itertools.chain.from_iterable(with_texts(session, s) for s in files), conflicts, key=by_place)
    ignored = (
        "SELECT source_file AS file, source_row AS row, ignored AS reason, record_id AS key, "
        f"{raw_text_sql(people, 'raw')} AS raw FROM set_aside "
        "UNION ALL SELECT source_file, source_row, reason, record_id, NULL FROM left_out "
        f"WHERE reason IN ('repeated_by_child_span', '{OTHER_MONTH}')"
    )
    found = [
        write_rejects(folder, (replace(r, raw=raw_text(people, r.raw)) for r in rejects)),
        write_lines(
            session, folder, "duplicates",
            "SELECT source_file AS file, source_row AS row, reason, record_id AS key, kept_file, kept_row "
            "FROM left_out WHERE reason IN "
            "('same_record', 'tells_less', 'older_version', 'same_call', 'looks_like_same_call')",
            "file, row, key, kept_file, kept_row, reason",
        ),
        write_places(session, folder, "ignored", ignored)
        if too_many(session, sum(_ignored(session, rated).values()), ignored)
        else write_lines(session, folder, "ignored", ignored, "file, row, key, reason, raw"),
        write_lines(
            session, folder, "unpriced", "SELECT * EXCLUDE (file_no, row_no, is_token) FROM unpriced_meters",
            "file, row, record_id, meter, reason, quantity",
        ),
    ]  # fmt: skip
    if rated.carriers.usage != "FALSE" or rated.carriers.billed != "FALSE":
        found.append(
            write_lines(
                session, folder, "carried_elsewhere",
                f"SELECT source_file AS file, source_row AS row, kind, adapter, record_id, event_time FROM events "
                f"WHERE (kind = 'usage' AND ({rated.carriers.usage})) "
                f"OR (kind = 'billed' AND ({rated.carriers.billed}))",
                "file, row, record_id",
            )
        )  # fmt: skip
    return [p for p in found if p is not None]


def _contradicts(found: Contradiction) -> Reject:
    """A record that others of its identity contradict; its text is what it says differently."""
    said = json.dumps({"record_id": found.record_id, **(found.says or {})}, ensure_ascii=False)
    note = f"records of this identity differ in {', '.join(found.says)}" if found.says else None
    if found.says is None:
        note = f"one of more than {COMPARED:,} identities whose records differ; the first of them were compared"
    return Reject(found.file, found.row, "conflicting_duplicate", said, note)


def _ignored(session: Session, rated: pipeline.Rated) -> dict[str, int]:
    found = {str(k): int(v) for k, v in session.rows(
        "SELECT ignored, count(*) FROM set_aside GROUP BY 1 ORDER BY 1"
    )}  # fmt: skip
    if rated.duplicates.repeated_spans:
        found["repeated_by_child_span"] = rated.duplicates.repeated_spans
    if rated.other_months:
        found[OTHER_MONTH] = rated.other_months
    return found


def _unpriced(session: Session) -> dict[str, Any]:
    events, tokens = session.one(
        "SELECT count(DISTINCT (file_no, row_no)), coalesce(sum(quantity) FILTER (is_token), 0)::HUGEINT "
        "FROM unpriced_meters"
    )
    reasons = session.rows(
        "SELECT reason, count(DISTINCT (file_no, row_no)) FROM unpriced_meters GROUP BY 1 ORDER BY 1"
    )
    units = {name: meter.consumed_unit for name, meter in meter_table().items()}
    meters = [
        {"meter": str(meter), "unit": units.get(str(meter)), "quantity": text(quantity), "events": int(n)}
        for meter, quantity, n in session.rows(
            "SELECT meter, CAST(sum(quantity) AS DECIMAL(38, 9)), count(DISTINCT (file_no, row_no)) "
            "FROM unpriced_meters GROUP BY meter ORDER BY meter"
        )
    ]
    return {
        "events": int(events), "tokens": int(tokens), "meters": meters,
        "reasons": {str(k): int(v) for k, v in reasons},
    }  # fmt: skip
