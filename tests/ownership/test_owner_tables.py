"""Owner map and accounts: formats, and every fault named by file, row, column, value and what was expected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from focus_ai import resources
from focus_ai.errors import UsageError
from focus_ai.ownership.accounts import load_accounts
from focus_ai.ownership.names import plain
from focus_ai.ownership.owner_map import OwnerMap, load_owner_map

SAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "gateways" / "samples"


def load(path: Path) -> OwnerMap:
    return load_owner_map([path], str, str)[0]


def hit(made: OwnerMap, **ids: str) -> list[dict[str, str]]:
    return [{name: value for name, (value, _) in row.values.items()} for row in made.hits(ids.get, None)[0]]


def put(tmp_path: Path, text: str | bytes, name: str = "map.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def test_excel_csv(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbfid_type,id_value,team\r\napi_key_id,007," growth, chat "\r\n\r\n,,\r\n'
    assert hit(load(put(tmp_path, text)), api_key_id="007") == [{"team": "growth, chat"}]


def test_yaml_keeps_ids_as_written(tmp_path: Path) -> None:
    text = "- {id_type: api_key_id, id_value: 007, team: growth, product: ~, effective_from: 2026-01-01}\n"
    assert hit(load(put(tmp_path, text, "map.yaml")), api_key_id="007") == [{"team": "growth"}]
    assert hit(load(put(tmp_path, "", "empty.yml"))) == []


def test_reference_samples_load() -> None:
    if not SAMPLES.is_dir():
        pytest.skip("the reference samples are not part of the repository")
    made = load(SAMPLES / "owner_map.csv")
    assert hit(made, api_key_id="key_growth_01")[0]["product"] == "customer-support-chat"
    accounts, files = load_accounts([SAMPLES / "chargeback_accounts.csv"])
    assert accounts.canonical("GROWTH") == "growth"
    assert files[0].rows == 3


HEAD = "id_type,id_value,team,effective_from,effective_to\n"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("id_type,id_valeu,team\n", ["unknown column 'id_valeu'", "row 1", "did you mean id_value?"]),
        ("", ["table is empty"]),
        ("id_type,team,team\n", ["a column occurs twice", "team"]),
        ("id_type;id_value;team\napi_key_id;k;t\n", ["not separated by commas", "row 1"]),
        (HEAD + "api_key_id,k,t,,\napi_key,k,t,,\n", ["row 3, column id_type", "'api_key'", "one of api_key_id"]),
        (HEAD + "api_key_id,,t,,\n", ["row 2, column id_value", "required"]),
        (HEAD + "api_key_id,k,t,2026-02-30,\n", ["row 2, column effective_from", "2026-02-30", "2026-01-31"]),
        (HEAD + "api_key_id,k,t,01.02.2026,\n", ["column effective_from", "01.02.2026"]),
        (HEAD + "api_key_id,k,t,2026-02-01,2026-02-01\n", ["range is empty", "exclusive"]),
        (HEAD + "api_key_id,k,t\n", ["wrong number of cells", "row 2", "found: 3", "expected: 5"]),
        (HEAD + "api_key_id,k,,,\n", ["the row names no owner", "row 2"]),
        (HEAD + "api_key_id,k,a,,\napi_key_id,k,b,2026-01-01,\n", ["api_key_id k", "row 3", "row 2", "overlap"]),
        (HEAD + 'api_key_id,"k\x07",a,,\n', ["column id_value", "control characters"]),
        (HEAD + 'api_key_id,"k,a,,\n', ["not valid CSV"]),
    ],
)
def test_faults_of_the_owner_map(text: str, parts: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(put(tmp_path, text))
    message = str(caught.value)
    assert "map.csv" in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: 1", "must be a list of rows"),
        ("- [a]", "row 1 (line 1)"),
        ("- {id_type: api_key_id, id_value: {a: b}}", "column id_value"),
        ("- {id_type: api_key_id, id_type: api_key_id}", "occurs twice"),
        ("- {id_typ: api_key_id}", "did you mean id_type?"),
        ("- {a: [", "not valid YAML"),
    ],
)
def test_faults_of_yaml(text: str, part: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(put(tmp_path, text, "map.yaml"))
    assert part in str(caught.value)


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path / "none.csv")
    with pytest.raises(UsageError, match=r"\.csv, \.yaml or \.yml"):
        load(put(tmp_path, "x", "map.xlsx"))
    with pytest.raises(UsageError, match="line 2"):
        load(put(tmp_path, b"id_type,id_value\n\xff,x\n"))


def test_adjoining_ranges_do_not_overlap(tmp_path: Path) -> None:
    rows = "api_key_id,k,b,2026-02-01,\napi_key_id,k,a,,2026-02-01\n"
    assert len(hit(load(put(tmp_path, HEAD + rows)), api_key_id="k")) == 2


def test_overlap_across_files(tmp_path: Path) -> None:
    first, second = put(tmp_path, HEAD + "api_key_id,k,a,,\n"), put(tmp_path, HEAD + "api_key_id,k,b,,\n", "b.csv")
    with pytest.raises(UsageError, match=r"b\.csv"):
        load_owner_map([first, second], str, str)


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ("growth,Growth,,,\n", ["row with team_id unattributed"]),
        ("growth,Growth,,,\nunattributed,,,,\ngrowth,Growth,,2026-01-01,\n", ["team growth", "overlap"]),
        ("growth,Growth,,,2026-01-01\nunattributed,,,,\nGROWTH,Growth,,2026-01-01,\n", ["two spellings"]),
        ("a,Same,,,\nb,same,,,\nunattributed,,,,\n", ["two teams have the same name"]),
        ("unattributed,,12.5,,\n", ["budget needs a currency", "row 2, column budget_currency"]),
        ("unattributed,,1e3,,\n", ["row 2, column budget_amount", "plain digits"]),
    ],
)
def test_faults_of_accounts(rows: str, parts: list[str], tmp_path: Path) -> None:
    text = "team_id,team_name,budget_amount,effective_from,effective_to\n" + rows
    with pytest.raises(UsageError) as caught:
        load_accounts([put(tmp_path, text, "accounts.csv")])
    for part in parts:
        assert part in str(caught.value)


def test_a_large_map_loads_fast(tmp_path: Path) -> None:
    rows = "".join(f"api_key_id,key{i},team{i % 90},2026-01-01,\n" for i in range(20_000))
    assert hit(load(put(tmp_path, HEAD + rows)), api_key_id="key19999") == [{"team": "team19"}]


def test_the_tables_of_the_page_load(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "ownership.md").read_text(encoding="utf-8")
    first, second = (block.split("```")[0] for block in page.split("```csv\n")[1:])
    assert hit(load(put(tmp_path, first)), end_user_id="svc-billing-7") == [{"team": "finance"}]
    assert load_accounts([put(tmp_path, second)])[0].canonical("growth team") == "growth"


@pytest.mark.parametrize("name", ["owner-map", "accounts", "settings"])
def test_schemas_are_schemas(name: str) -> None:
    page = json.loads((resources.schemas() / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(page)


def test_owner_keys_are_plain_and_belong_to_one_field() -> None:
    table = resources.load_yaml(resources.mappings() / "tables" / "owner-keys.yaml")
    keys = [key for names in table["fields"].values() for key in names]
    assert len(keys) == len(set(keys))
    assert [key for key in (*keys, *table["prefixes"]) if plain(key) != key] == []
    settings = json.loads((resources.schemas() / "settings.schema.json").read_text(encoding="utf-8"))
    assert set(table["fields"]) == set(settings["$defs"]["names"]["properties"])


def test_environment_names_are_their_own_alias() -> None:
    table = resources.load_yaml(resources.mappings() / "tables" / "environments.yaml")
    assert {name: name for name in table.values()}.items() <= table.items()
