"""`focus-ai rates`: options reach the rate card, answers come as text or JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from focus_ai.cli import main


def answered(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, object]:
    assert main([*arguments, "--format", "json"]) == code
    found = json.loads(capsys.readouterr().out, parse_float=lambda number: pytest.fail(f"a float: {number}"))
    assert str(found["schema"]).startswith("focus-ai/")
    return dict(found)


@pytest.mark.parametrize(
    ("options", "price"),
    [
        ([], "2.5"),
        (["--batch"], "1.25"),
        (["--tier", "priority"], "5"),
        (["--context", "272001"], "5"),
        (["--context", "272000"], "2.5"),
    ],
)
def test_conditions_change_the_price(options: list[str], price: str, capsys: pytest.CaptureFixture[str]) -> None:
    facts = answered(["rates", "explain", "openai", "gpt-5.4", "input", "--at", "2026-11-18", *options], capsys)
    meters = facts["meters"]
    assert isinstance(meters, list)
    assert [row["price"] for row in meters] == [price]


def test_a_list_without_a_rate_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rates", "list", "--model", "no-such-model"]) == 0
    assert "no rate is like that" in capsys.readouterr().out


def test_the_list_can_be_narrowed(capsys: pytest.CaptureFixture[str]) -> None:
    facts = answered(["rates", "list", "--channel", "openai", "--model", "gpt-5-mini", "--meter", "output"], capsys)
    rows = facts["rates"]
    assert isinstance(rows, list)
    assert {row["meter"] for row in rows} == {"output"}
    assert "2" in {row["price"] for row in rows if row["sku_price_id"] == "openai/gpt-5-mini/output"}


def test_an_unknown_channel_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rates", "list", "--channel", "opnai"]) == 2
    assert "openai" in capsys.readouterr().err


def test_own_rates_come_on_top(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "own.csv"
    own.write_text("provider,model,meter,unit_size,price,currency\nopenai,gpt-5.4,input,1000000,2.40,USD\n")
    facts = answered(["rates", "explain", "openai", "gpt-5.4", "input", "--rates", str(own)], capsys)
    assert facts["meters"][0]["price"] == "2.4"  # type: ignore[index]
    assert "+user.1" in str(facts["card"])


def test_the_shipped_card_has_no_structural_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert answered(["rates", "check"], capsys)["errors"] == 0


def test_a_wrong_time_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rates", "explain", "openai", "gpt-5", "--at", "yesterday"]) == 2
    assert "--at" in capsys.readouterr().err


def test_refresh_writes_a_snapshot_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("genai_prices", reason="needs the extra `prices`")
    facts = answered(["rates", "refresh", "--to", str(tmp_path / "snapshot")], capsys)
    assert (tmp_path / "snapshot" / "openai.jsonl").is_file()
    assert facts["models"]


def test_an_explanation_knows_the_contract_that_a_conversion_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A price of 4 for any tier: the contract for batch leaves 3 only there, the one for the account of the settings
    takes half of everything, and a fixed price in another currency leaves nothing to say."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.csv").write_text(
        "provider,model,meter,unit_size,price\nacme,m,input,1000000,4\nacme,m,output,1,9\n"
    )
    (tmp_path / "c.yaml").write_text("""
contracts:
  - {channel: acme, meter: input, multiplier: "0.75", when: {processing: batch}}
  - {channel: acme, meter: input, percent_off: 50, account_id: A1}
  - {channel: acme, meter: output, unit_price: "8", currency: EUR}
""")
    settings = tmp_path / "focus-ai.toml"
    settings.write_text('[rates]\nfiles = ["own.csv"]\ncontracts = ["c.yaml"]\n[accounts.acme]\nid = "A1"\n')

    def contract(*options: str) -> list[object]:
        facts = answered(["rates", "explain", "acme", "m", *options], capsys)
        return [row.get("contracted_price", row.get("reason")) for row in facts["meters"]]  # type: ignore[attr-defined]

    assert contract("input") == ["2"]
    assert contract("input", "--batch") == ["1.5"]
    assert contract("output") == ["contract_currency"]
    settings.write_text(settings.read_text().replace("A1", "A2"))
    assert contract("input", "--batch") == ["3"]
