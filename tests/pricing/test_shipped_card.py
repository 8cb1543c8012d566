"""The shipped prices: the amounts which worked examples use, history, windows, names, and what is refused."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path

import pytest
from one_event import rate
from pricing_builders import NOON, stamp

from focus_ai.errors import InputError
from focus_ai.pricing import Conditions, NoRate, Price, Profile, Rate, RateCard, lookup, resolve
from focus_ai.pricing.check import check
from focus_ai.pricing.tables import known_channels, model_facts, prices_folder, read_yaml
from focus_ai.resources import schemas

CARD = RateCard.load()
M = 1_000_000


def price(channel: str, model: str, meter: str, at: datetime = NOON, **said: object) -> str | None:
    found = lookup(CARD, channel, model, meter, at, Conditions.of(**said))  # type: ignore[arg-type]
    if isinstance(found, NoRate):
        return found.reason
    assert found.price is not None
    return format(found.price.normalize(), "f")


def total(channel: str, model: str, counts: dict[str, int], at: datetime = NOON, **profile: object) -> D:
    context = profile.pop("context", 0)
    result = rate(CARD, Profile(channel, (model,), **profile), counts, at, context)  # type: ignore[arg-type]
    assert not result.unpriced
    return result.total


def test_amounts_of_the_published_examples() -> None:
    assert total("openai", "gpt-5.4", {"input": 1_200_000, "output": 300_000}) == D("7.50")
    assert total("openai", "gpt-5.4", {"input": 900_000, "output": 300_000}) == D("6.75")
    counts = {"input": 10 * M, "output": 2 * M}
    assert total("openai", "gpt-5.4-mini", counts) == D("16.50")
    assert total("anthropic", "claude-sonnet-4-20250514", counts) == D("60.00")
    assert total("gemini", "gemini-3-flash-preview", counts) == D("11.00")


def test_models_of_the_gateway_story() -> None:
    assert total("openai", "gpt-5-2025-08-07", {"input": 176, "cache_read": 1024, "output": 350}) == D("0.003848")
    dated = "claude-sonnet-4-5-20250929"
    meters = ("input", "cache_write_5m", "cache_write_1h", "cache_read", "output", "web_search")
    assert [price("anthropic", dated, meter) for meter in meters] == ["3", "3.75", "6", "0.3", "15", "10"]
    assert [price("openai", "gpt-5", meter) for meter in ("input", "cache_read", "output")] == ["1.25", "0.125", "10"]


def test_real_bill_days() -> None:
    assert total("openai", "gpt-5-mini", {"input": 80_992, "output": 274_770}, stamp("2025-10-07")) == D("0.569788")
    assert total("openai", "gpt-5-mini", {"input": 124_784, "output": 154_852}, stamp("2025-10-10")) == D("0.3409")


def test_history() -> None:
    counts = {"input": 1_000, "output": 700}
    assert total("openai", "o3", counts, stamp("2025-06-09T12:00:00")) == D("0.038")
    assert total("openai", "o3", counts, stamp("2025-06-10T12:00:00")) == D("0.0076")
    luna = {"input": M, "output": 100_000}
    assert total("openai", "gpt-5.6-luna", luna, stamp("2026-07-29")) == D("1.60")
    assert total("openai", "gpt-5.6-luna", luna, stamp("2026-07-30")) == D("0.32")
    opus = {"input": 300_000, "output": 1_000}
    before, after = stamp("2026-03-12T12:00:00"), stamp("2026-03-13")
    assert total("anthropic", "claude-opus-4-6", opus, before, context=None) == D("3.0375")
    assert total("anthropic", "claude-opus-4-6", opus, after, context=None) == D("1.525")


@pytest.mark.parametrize(
    ("model", "at", "counts", "amount"),
    [
        ("deepseek-chat", "2025-03-10T12:00:00", (M, 0, M), "1.37"),
        ("deepseek-chat", "2025-03-10T20:00:00", (M, 0, M), "0.685"),
        ("deepseek-chat", "2025-09-05T15:59:59", (M, 0, M), "1.37"),
        ("deepseek-chat", "2025-09-05T16:00:00", (M, 0, M), "2.24"),
        ("deepseek-v4-pro", "2026-11-16T02:00:00", (100_000, 900_000, 20_000), "0.2508"),
        ("deepseek-v4-pro", "2026-11-21T02:00:00", (100_000, 900_000, 20_000), "0.1254"),
        ("deepseek-v4-pro", "2026-06-01T02:00:00", (M, 0, 0), "0.435"),
        ("deepseek-v4-pro", "2026-08-16T17:00:00", (M, 0, 0), "0.66"),
    ],
)
def test_time_of_day(model: str, at: str, counts: tuple[int, int, int], amount: str) -> None:
    meters = dict(zip(("input", "cache_read", "output"), counts, strict=True))
    assert total("deepseek", model, meters, stamp(at)) == D(amount)


def test_an_unpublished_instant_is_unknown_not_zero() -> None:
    assert price("deepseek", "deepseek-chat", "input", stamp("2025-09-29T12:00:00")) == "empty_price"
    assert price("github_copilot", "gpt-4o", "input") == "empty_price"


def test_context_tiers_and_cache() -> None:
    gemini = {"input": 5_005, "cache_read": 257_955, "output": 1_744}
    assert total("gemini", "gemini-2.5-pro", gemini, context=None) == D("0.10316125")
    assert total("x-ai", "grok-4.7", {"input": 199_999, "output": 1_000}, context=None) == D("0.405998")
    assert total("x-ai", "grok-4.7", {"input": 200_000, "output": 1_000}, context=None) == D("0.812")
    haiku = {"input": 40_000, "cache_write_5m": 30_000, "cache_read": 40_000, "output": 2_000}
    assert total("anthropic", "claude-haiku-5-5", haiku, context=None) == D("0.04575")
    sol = {"input": 3_586, "cache_write": 3_207, "cache_read": 3_207, "output": 500}
    assert total("openai", "gpt-5.6-sol", sol) == D("0.0416618")
    assert total("anthropic", "claude-fable-5", {"cache_write_1h": 37_175}) == D("0.7435")


def test_conditions_are_never_mixed() -> None:
    assert price("openai", "gpt-5.4", "cache_read", service_tier="flex") == "0.13"
    assert price("openai", "gpt-5.4", "cache_read", is_batch=True) == "0.13"
    assert price("anthropic", "claude-sonnet-4-5", "input", is_batch=True) == "1.5"
    assert price("anthropic", "claude-sonnet-4-5", "input", stamp("2026-01-05"), is_batch=True) == "1.5"
    assert price("anthropic", "claude-opus-4-6", "output", inference_geo="us") == "27.5"
    assert price("anthropic", "claude-opus-4-6", "output", inference_geo="not_available") == "25"
    assert price("openai", "gpt-5", "input", service_tier="scale") == "no_rate"
    assert price("openai", "gpt-5", "input", stamp("2026-09-01"), service_tier="flex") == "not_yet_effective"
    assert price("anthropic", "claude-sonnet-4-5", "input", service_tier="priority") == "no_rate"
    assert price("anthropic", "claude-opus-5", "output", speed="fast") == "50"


def test_cache_writes_by_lifetime() -> None:
    found = CARD.find("anthropic", ("claude-sonnet-4-5",), "cache_write", NOON, Conditions())
    assert not isinstance(found, NoRate)
    assert (found.rate.price, "cache_ttl_unknown" in found.assumptions) == (D("3.75"), True)
    assert price("openai", "gpt-5.6-sol", "cache_write_30m") == "5"
    assert price("openai", "gpt-5.6-sol", "cache_write_12h") == "5"
    assert price("openai", "gpt-5.4", "cache_write") == "no_rate"
    assert price("openrouter", "anthropic/claude-sonnet-4.5", "cache_write_1h") == "no_rate"


def test_modalities() -> None:
    assert price("gemini", "gemini-3-flash-preview", "input_audio") == "1"
    image = CARD.find("gemini", ("gemini-3-flash-preview",), "input_image", NOON, Conditions())
    assert not isinstance(image, NoRate)
    assert (image.rate.price, "modality_at_text_price" in image.assumptions) == (D("0.50"), True)
    assert image.rate.sku_id == "gemini/gemini-3-flash-preview/input_image"
    assert price("groq", "openai/gpt-oss-120b", "input_image") == "no_rate"
    (segment,) = resolve(CARD, Profile("openai", ("gpt-5",)), ["output", "output_reasoning"], NOON, NOON)
    assert set(segment.prices) == {"output"}
    (segment,) = resolve(CARD, Profile("perplexity", ("sonar-deep-research",)), ["output_reasoning"], NOON, NOON)
    reasoning = segment.prices["output_reasoning"]
    assert isinstance(reasoning, Price) and reasoning.list_unit_price == 3


@pytest.mark.parametrize(
    ("channel", "name", "model"),
    [
        ("openai", "openai/gpt-5", "gpt-5"),
        ("azure", "gpt-4o-2024-08-06", "gpt-4o"),
        ("gcp.gemini", "models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("vertex_ai", "publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("vertex_ai", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5-20250929"),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0",
         "anthropic.claude-sonnet-4-5-20250929"),
        ("xai", "grok-4.7", "grok-4.7"),
        ("openrouter", "openrouter/openai/gpt-5", "openai/gpt-5"),
        ("openai", "gpt-5.6", "gpt-5.6-sol"),
        ("openai", "gpt-5-20250807", "gpt-5"),
    ],
)  # fmt: skip
def test_names(channel: str, name: str, model: str) -> None:
    ref = CARD.place(channel, (name,), NOON)
    assert not isinstance(ref, NoRate)
    assert ref.model == model


def test_geography_in_a_bedrock_name() -> None:
    assert price("bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "input") == "3"
    assert price("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "input") == "3.3"


@pytest.mark.parametrize(
    ("channel", "name", "model", "amount"),
    [
        # gateways write the seller, an API or a region before the id; the prices are those of the plain id
        ("xai", "xai/grok-4.7", "grok-4.7", "2"),
        ("together_ai", "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo",
         "meta-llama/Llama-3.3-70B-Instruct-Turbo", "0.88"),
        ("cohere_chat", "cohere_chat/command-r-plus-08-2024", "command-r-plus", "2.5"),
        ("openai", "openai/responses/gpt-5", "gpt-5", "1.25"),
        ("fireworks_ai", "fireworks_ai/accounts/fireworks/models/deepseek-v3p2", "deepseek-v3p2", "0.56"),
        ("groq", "groq/openai/gpt-oss-120b", "openai/gpt-oss-120b", "0.15"),
        ("azure", "azure/global/gpt-5", "gpt-5", "1.25"),
        # the profile decides, not the region in front of it; without a profile the call is regional
        ("bedrock", "bedrock/eu-central-1/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "anthropic.claude-sonnet-4-5-20250929", "3"),
        ("bedrock", "bedrock/us-east-1/anthropic.claude-sonnet-4-5-20250929-v1:0",
         "anthropic.claude-sonnet-4-5-20250929", "3.3"),
        # a data zone of Azure has prices of its own, which no list here has
        ("azure", "azure/eu/gpt-5", "gpt-5", "no_rate"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("position", [0, 1])
def test_names_as_gateways_write_them(channel: str, name: str, model: str, amount: str, position: int) -> None:
    models = (None,) * position + (name,)
    ref = CARD.place(channel, models, NOON)
    assert not isinstance(ref, NoRate) and ref.model == model
    found = CARD.price(ref, "input", NOON, Conditions())
    shown = found.reason if isinstance(found, NoRate) else format((found.rate.price or D(0)).normalize(), "f")
    assert shown == amount


def test_a_product_whose_id_begins_with_its_seller() -> None:
    """Perplexity sells `sonar` (1.00) and, by another API, `perplexity/sonar` (0.25); gateways write the first so too."""
    for models, amount in ((("perplexity/sonar",), "0.25"), ((None, "perplexity/sonar"), "1"), (("sonar",), "1")):
        found = CARD.find("perplexity", models, "input", NOON, Conditions())
        assert not isinstance(found, NoRate) and found.rate.price == D(amount)
        assert ("model_prefix_ambiguous" in found.assumptions) is (models != ("sonar",))


SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.mark.parametrize(
    ("models", "geo", "amount"),
    [
        (("claude-sonnet-4-5-20250929", None, f"us.{SONNET}"), None, "3.3"),  # not 3: the request names the profile
        (("claude-sonnet-4-5-20250929", None, f"global.{SONNET}"), None, "3"),
        (("claude-sonnet-4-5-20250929",), None, "3"),
        ((f"us.{SONNET}",), "us", "3.3"),  # the card tells only global and regional
        ((f"global.{SONNET}",), "us", "3"),  # answered in the US, bought at the global price
        ((f"us.{SONNET}",), "global", "3"),  # what the event says stands first
        (("claude-sonnet-4-5-20250929",), "eu", "3.3"),
    ],
)
def test_geography_from_any_name_of_a_call(models: tuple[str | None, ...], geo: str | None, amount: str) -> None:
    found = CARD.find("bedrock", models, "input", NOON, Conditions.of(inference_geo=geo))
    assert not isinstance(found, NoRate) and found.rate.price == D(amount)
    assert "geo_assumed" not in found.assumptions or models[1:] == ()


@pytest.mark.parametrize(
    ("channel", "models", "model"),
    [
        # the model that answered is unknown: what was asked for is another model, whatever it costs
        ("openai", ("gpt-9-unknown", None, "gpt-5-nano", None), None),
        ("openai", ("gpt-9-unknown", None, None, "gpt-5-nano"), None),
        ("openai", ("gpt-9-unknown", "gpt-9-unknown", "gpt-5-nano", None), None),
        ("openai", ("ft:gpt-4.1-2025-04-14:org:n:1", None, "gpt-4.1", None), None),
        ("openai", (None, "openai/ft:gpt-4.1-2025-04-14:org:n:1", None, "gpt-4.1"), None),
        ("openai", ("gpt-5.4-2031-01-01", None, "gpt-5.4-2026-03-05", None), None),  # two releases are two models
        ("openrouter", ("nobody/gpt-5:free", None, "openai/gpt-5", None), None),
        # another spelling of the same model: prefix, date, order of the words
        ("openai", ("models/gpt-5.4-2031-01-01", None, "openai/gpt-5.4", None), None),
        ("openai", ("openai/gpt-5.4-2031-01-01", None, "gpt-5.4", None), "gpt-5.4"),
        ("databricks", ("gpt-oss-20b", "databricks-gpt-oss-20b", None, None), "databricks-gpt-oss-20b"),
        # the answer repeats the name of the deployment or of the alias
        ("azure", ("my-deployment", "azure/my-deployment", "gpt-5", None), "gpt-5"),
        ("openai", ("help", None, "gpt-5", "help"), "gpt-5"),
        # no model answered by name
        ("azure", (None, "my-deployment", None, "gpt-5"), "gpt-5"),
        ("openai", (None, None, "help", "gpt-5"), "gpt-5"),
    ],
)
def test_only_the_model_that_answered_has_a_price(
    channel: str, models: tuple[str | None, ...], model: str | None
) -> None:
    ref = CARD.place(channel, models, NOON)
    if model is None:
        assert isinstance(ref, NoRate) and ref.reason == "alias_unmapped"
        assert next(name for name in models if name) in ref.detail
    else:
        assert not isinstance(ref, NoRate) and ref.model == model
        assert "model_name_fallback" in ref.assumptions


def test_a_tier_is_never_multiplied_by_another() -> None:
    """Half of flex or of priority is published nowhere (batch is half of the standard price, 1.25 / 2 = 0.625)."""
    assert price("openai", "gpt-5", "input", is_batch=True) == "0.625"
    assert price("openai", "gpt-5", "input", is_batch=True, service_tier="flex") == "no_rate"
    assert price("openai", "gpt-5", "input", is_batch=True, service_tier="priority") == "no_rate"
    assert price("anthropic", "claude-opus-5", "output", is_batch=True, speed="fast") == "no_rate"
    assert price("openai", "gpt-5.4", "input", is_batch=True, inference_geo="eu") == "1.375"  # 2.50 / 2 x 1.1
    for channel in known_channels():
        for listed in (channel,):
            for model in CARD.shipped_models(listed):
                for row in CARD.shipped_rows(channel, listed, model):
                    named = {"processing", "service_tier", "speed"} & {key for key, value in row.when if value != "*"}
                    assert row.status != "derived" or len(named) < 2, row.sku_price_id


def test_names_that_nobody_listed_stay_unknown() -> None:
    assert price("openai", "gpt-latest", "input") == "alias_unmapped"
    assert price("openai", "my-deployment", "input") == "alias_unmapped"
    assert price("no-such-provider", "gpt-5", "input") == "channel_unknown"
    assert price("../genai-prices/openai", "gpt-5", "input") == "channel_unknown"
    assert price("huggingface_together", "Qwen/Qwen3-VL-8B-Instruct", "input") == "0.18"
    ref = CARD.place("openai", (None, "my-deployment", "gpt-5"), NOON)
    assert not isinstance(ref, NoRate) and ref.assumptions == ("model_name_fallback",)


def test_a_price_from_another_list_is_an_assumption() -> None:
    found = CARD.find("azure_openai", ("gpt-5",), "input", NOON, Conditions())
    assert not isinstance(found, NoRate)
    assert "price_list_of_openai" in found.assumptions
    (segment,) = resolve(CARD, Profile("azure", ("gpt-5",)), ["input"], NOON, NOON)
    own = segment.prices["input"]
    assert isinstance(own, Price) and own.sku_id == "azure_openai/gpt-5/input"


def test_aggregates_take_the_base_tier_and_say_so() -> None:
    (segment,) = resolve(CARD, Profile("openai", ("gpt-5.4",), aggregate=True), ["input"], NOON, NOON)
    base = segment.prices["input"]
    assert isinstance(base, Price)
    assert (base.list_unit_price, "context_tier_assumed" in base.assumptions) == (D("2.5"), True)
    (segment,) = resolve(CARD, Profile("openai", ("gpt-5.4",), context_gt=272_000), ["input"], NOON, NOON)
    high = segment.prices["input"]
    assert isinstance(high, Price)
    assert (high.list_unit_price, high.sku_price_id) == (D(5), "openai/gpt-5.4/input#gt272k")
    assert "context_tier_assumed" not in high.assumptions


def test_sku_price_ids_hold_no_amount_date_or_account() -> None:
    said = Conditions.of(is_batch=True, inference_geo="us")
    found = lookup(CARD, "anthropic", "claude-opus-4-6", "input", NOON, said)
    assert isinstance(found, Rate)
    assert found.sku_price_id == "anthropic/claude-opus-4-6/input#batch#geo-us"
    assert found.status == "derived"


def test_a_promised_price_past_its_review_is_flagged() -> None:
    for day, late in ((21, False), (22, True)):
        found = CARD.find("openai", ("gpt-5.6-sol",), "input", datetime(2026, 11, day, 12, tzinfo=UTC), Conditions())
        assert not isinstance(found, NoRate)
        assert ("price_review_overdue" in found.assumptions) is late
    segments = resolve(
        CARD,
        Profile("openai", ("gpt-5.6-sol",), context_gt=0),
        ["input"],
        stamp("2026-11-20"),
        NOON + timedelta(days=10),
    )
    assert [s.t_from.date().isoformat() for s in segments] == ["2026-11-20", "2026-11-22"]


def test_every_row_of_the_shipped_card_is_sound() -> None:
    problems = check(CARD, date(2026, 11, 22))
    assert [p for p in problems if p.severity == "error"] == []
    assert {p.kind for p in problems} <= {"review_overdue", "gap", "overlap", "price_rounded_9"}
    assert any(p.kind == "review_overdue" and "gpt-5.6-sol" in p.subject for p in problems)


def test_no_two_prices_for_one_question() -> None:
    for channel in known_channels():
        for listed in (channel,):
            for model in CARD.shipped_models(listed):
                ref = CARD.place(channel, (model,), NOON)
                if isinstance(ref, NoRate):
                    continue
                for meter in {row.meter for row in CARD.shipped_rows(channel, listed, model)}:
                    for said in ({}, {"is_batch": True}, {"service_tier": "flex"}):
                        found = CARD.price(ref, meter, NOON, Conditions.of(context=10**9, **said))  # type: ignore[arg-type]
                        assert not isinstance(found, NoRate) or found.reason != "ambiguous", (model, meter, found)


def test_makers() -> None:
    assert model_facts("gpt-5.4-mini") == ("OpenAI", "gpt", "5.4")
    assert model_facts("claude-sonnet-4-5") == ("Anthropic", "claude", "4.5")
    assert model_facts("anthropic.claude-sonnet-4-5-20250929") == ("Anthropic", "claude", "4.5")
    assert model_facts("gemini-2.5-pro") == ("Google", "gemini", "2.5")
    assert model_facts("o3") == ("OpenAI", "o", "3")
    assert model_facts("something-else") == (None, None, None)


def test_curated_files_have_the_documented_shape() -> None:
    from jsonschema import Draft202012Validator

    schema = json.loads((schemas() / "rates.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    for path in sorted(prices_folder().glob("*.yaml")):
        if path.stem in ("channels", "aliases", "makers"):
            continue
        errors = list(Draft202012Validator(schema).iter_errors(read_yaml(path)))
        assert errors == [], f"{path.name}: {errors[0].message if errors else ''}"


def test_the_snapshot_names_its_source() -> None:
    about = json.loads((prices_folder() / "genai-prices" / "source.json").read_text(encoding="utf-8"))
    assert (about["name"], about["licence"]) == ("genai-prices", "MIT")
    assert "Pydantic Services" in (prices_folder() / "README.md").read_text(encoding="utf-8")


def test_the_snapshot_is_what_the_package_gives(tmp_path: Path) -> None:
    genai = pytest.importorskip("genai_prices", reason="extra `prices` is not installed")
    from importlib.metadata import version

    from focus_ai.pricing.refresh import read_folder, refresh

    shipped = prices_folder() / "genai-prices"
    about = json.loads((shipped / "source.json").read_text(encoding="utf-8"))
    if version("genai-prices") != about["version"]:
        pytest.skip(f"snapshot is of {about['version']}, installed is {genai.__name__} {version('genai-prices')}")
    report = refresh(tmp_path, date.fromisoformat(about["checked_on"]))
    assert report.models == 2330
    assert len(report.empty) == 179
    assert read_folder(tmp_path) == read_folder(shipped)
    assert (tmp_path / "source.json").read_text() == (shipped / "source.json").read_text()


def test_the_snapshot_prices_as_the_package_does() -> None:
    """Every model and price key, at instants of every price change and in every variant, against the source's rules."""
    pytest.importorskip("genai_prices", reason="extra `prices` is not installed")
    from genai_prices.data import providers
    from genai_prices.types import TieredPrices

    from focus_ai.pricing.aliases import bedrock_id
    from focus_ai.pricing.lookup import choose
    from focus_ai.pricing.refresh import METERS
    from focus_ai.pricing.snapshot import price_list

    instants = [datetime(2025, 3, 3, 3, tzinfo=UTC), datetime(2026, 9, 9, 8, tzinfo=UTC), NOON, NOON + timedelta(80)]
    compared = 0
    for provider in providers:
        listed = price_list(str(provider.id))
        assert listed is not None
        if provider.id in ("aws", "deepseek"):  # joined geographies; written out by hand
            continue
        for model in provider.models:
            rates = listed.rates("c", model.id)
            for at in instants:
                variants = [dict(v.when) for v in model.price_variants or ()]
                for said in [{}, *[when for when in variants if "default" not in when.values()]]:
                    standard = model.get_prices(at, said or None)
                    if said and not any(r.when and r.live(at) and set(said.items()) <= set(r.when) for r in rates):
                        continue
                    for key, value in standard.__dict__.items():
                        meter = METERS.get(key)
                        if value is None or meter is None or (meter == "audio_seconds" and key != "audio_hours"):
                            continue
                        rows = [r for r in rates if r.meter == meter] or [r for r in rates if r.meter == meter + "_5m"]
                        for context in (1, 10**7):
                            conditions = Conditions(
                                said.get("processing"), said.get("service_tier"), said.get("speed"), None, None,
                                said.get("search_type") or said.get("route"), context,
                            )  # fmt: skip
                            found = choose(rows, at, conditions)
                            tiers = isinstance(value, TieredPrices)
                            expected = value if not tiers else value.base if context == 1 else value.tiers[-1].price
                            assert not isinstance(found, NoRate), (model.id, key, said, at, found)
                            assert abs(found.rate.price - expected) < D("1e-9"), (model.id, key, said, at)
                            compared += 1
    assert compared > 40_000
    assert bedrock_id("amazon.nova-lite-v1:0") == "amazon.nova-lite"


def test_speed() -> None:
    began = time.perf_counter()
    own = RateCard.load()
    names = [(c, m) for c in ("openai", "anthropic", "gemini", "openrouter") for m in own.shipped_models(
        "google" if c == "gemini" else c)[:15]]  # fmt: skip
    meters = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "output_reasoning", "web_search"]
    for channel, model in names:
        resolve(own, Profile(channel, (model,)), meters, NOON - timedelta(days=90), NOON)
    assert len(names) == 60
    assert time.perf_counter() - began < 2  # 0.2 s on a quiet machine


def test_unknown_words_in_files_are_told(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("entries: [{model: m, pricse: {input: '1'}}]\n", encoding="utf-8")
    with pytest.raises(InputError):
        RateCard.load([path])
