"""The inputs of an audit, staged, counted once and priced: the conversion's own stages up to the priced events."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as MappingType
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from focus_ai import pipeline
from focus_ai.adapters import Mapping, Staged, load
from focus_ai.adapters.beside import lay_beside
from focus_ai.adapters.tasks import stage_all
from focus_ai.engine import Session, ident
from focus_ai.errors import UsageError
from focus_ai.intake import choose, rate_card, unread
from focus_ai.ownership import OwnerBook
from focus_ai.pricing import charges
from focus_ai.settings import Settings
from focus_ai.sources import SourceFile, discover
from focus_ai.stated import check_exports, facts

Progress = Callable[[str, int, int], None]

# Fields that findings read besides those of every run; an export that lacks one leaves it empty.
FIELDS = (
    "logical_request_id", "provider_request_id", "provider_response_id", "attempt_index",
    "attempt_count", "attempt_kind", "event_time_basis", "duration_ms", "outcome", "usage_source", "input_semantics",
    "reported_cost", "reported_cost_currency", "avoided_input_tokens", "avoided_output_tokens", "request_source",
    "end_user_id", "owner_team", "owner_product", "owner_feature", "owner_environment",
)  # fmt: skip
# What a policy may ask about.
POLICY_FIELDS = ("service_name", "api_key_id", "api_key_name")


@dataclass(frozen=True)
class Opened:
    """Everything the findings need: the engine with its tables, and what was read."""

    session: Session
    settings: Settings
    sources: tuple[SourceFile, ...]
    chosen: MappingType[str, Mapping]
    staged: tuple[Staged, ...]
    rated: pipeline.Rated

    @property
    def present(self) -> frozenset[str]:
        """Fields that at least one input has."""
        return self.rated.present

    def column(self, name: str, kind: str = "VARCHAR") -> str:
        """SQL of a field of the event `e`; NULL of its type when no input has it."""
        return f"e.{ident(name)}" if name in self.present else f"CAST(NULL AS {kind})"

    def priced_events(self, source: str = "events") -> str:
        """SQL (for FROM) of the events `e` with their price segment `s` and owner span `o`."""
        rated = self.rated
        return charges.priced_events(rated.meters, rated.owner_hash, rated.carriers.usage, source)


@contextmanager
def opened(
    inputs: Sequence[str],
    *,
    adapter: str | None,
    mapping: Sequence[Path],
    settings: Settings,
    fields: Sequence[str],
    jobs: int,
    memory_limit: str | None,
    threads: int | None,
    progress: Progress | None,
) -> Iterator[Opened]:
    """Open the inputs; work files are gone afterwards. Raises as a conversion does."""
    own = {m.id: m for m in map(load, mapping)}
    check_exports(settings, own)
    book, card = OwnerBook.load(settings), rate_card(settings)
    with tempfile.TemporaryDirectory(prefix="focus-ai-", dir=settings.engine.temp) as folder:
        work = Path(folder)
        sources = discover(inputs, work / "spool", own=False)
        chosen = choose(sources, adapter, own)
        laid = lay_beside(sources, chosen, work)
        tasks = [(s, chosen[s.name], facts(chosen[s.name], settings, s.name)) for s in laid if s.name in chosen]
        try:
            staged = stage_all(
                tasks, work, jobs=jobs, memory_limit=memory_limit, threads=threads,
                extra=frozenset((*book.needs, *fields)), progress=progress,
            )  # fmt: skip
            staged += [unread(s) for s in sources if s.name not in chosen]
            with Session(work / "engine", memory_limit=memory_limit, threads=threads) as session:
                session.seal([work])
                plan = pipeline.Plan(settings, settings.convert.focus, "day", "decimal")
                rated = pipeline.rate(session, staged, list(chosen.values()), plan, book, card, grouped=False)
                yield Opened(session, settings, tuple(sources), chosen, tuple(staged), rated)
        except Exception as error:
            if type(error).__name__ == "OutOfMemoryException":  # duckdb is not imported for this
                raise UsageError(
                    "the memory limit is too small for these inputs", value=memory_limit,
                    next_step="give more with --memory-limit, such as 2GB, or fewer --threads",
                ) from error  # fmt: skip
            raise
