"""The floor: plain DuckDB reads a spend-log file into typed columns, in memory, and counts them. Nothing is computed.

    python benchmarks/floor.py FILE [--threads N] [--stream]

With `--stream` the columns are counted while they pass by and none is kept.

The columns are the leaves that the mapping `litellm-spend-logs` reads, counts and times typed, the rest as text.
"""

from __future__ import annotations

import argparse
import json

import duckdb

TEXT, COUNT, TIME = "VARCHAR", "BIGINT", "TIMESTAMPTZ"
Tree = dict[str, "str | Tree"]

OWNER = (
    "owner_team team owner_product product owner_feature feature owner_env owner_environment environment env project "
    "owner_cost_center cost_center business_unit department tenant_id tenant owner_request_id x-owner-request-id"
)
METADATA = (
    "litellm_call_id billed_retry_attempt internal_call_origin original_model_group batch_models user_api_key "
    "user_api_key_alias user_api_key_org_id user_api_key_project_alias user_api_key_project_id user_api_key_team_alias"
)
PROMPT = (
    "text_tokens audio_tokens image_tokens video_tokens cached_tokens cache_creation_tokens cache_write_tokens "
    "web_search_requests google_maps_grounding_requests character_count"
)
LIFETIMES = "ephemeral_5m_input_tokens ephemeral_30m_input_tokens ephemeral_1h_input_tokens ephemeral_12h_input_tokens"


def _all(names: str, kind: str) -> Tree:
    return dict.fromkeys(names.split(), kind)


COLUMNS: Tree = {
    **_all("request_id call_type api_key cache_hit model model_group custom_llm_provider status spend", TEXT),
    **_all("user team_id organization_id end_user session_id litellm_call_id request_tags", TEXT),
    **_all("startTime endTime updated_at", TIME),
    **_all("prompt_tokens completion_tokens total_tokens request_duration_ms", COUNT),
    "metadata": {
        **_all(METADATA, TEXT),
        **_all("attempted_retries attempted_fallbacks", COUNT),
        "spend_logs_metadata": _all(OWNER, TEXT),
        "additional_usage_values": _all("cache_read_input_tokens cache_creation_input_tokens", COUNT),
        "error_information": _all("error_code error_class llm_provider", TEXT),
        "cost_breakdown": _all("margin_total_amount discount_amount service_tier vertex_location", TEXT),
        "usage_object": {
            **_all("prompt_tokens completion_tokens total_tokens", COUNT),
            **_all("cache_read_input_tokens cache_creation_input_tokens", COUNT),
            **_all("service_tier inference_geo speed", TEXT),
            "server_tool_use": _all("web_search_requests", COUNT),
            "prompt_tokens_details": {**_all(PROMPT, COUNT), "cache_creation_token_details": _all(LIFETIMES, COUNT)},
            "completion_tokens_details": _all("reasoning_tokens audio_tokens image_tokens video_tokens", COUNT),
        },
    },
}


def _type(kind: str | Tree) -> str:
    if isinstance(kind, str):
        return kind
    return "STRUCT(" + ", ".join(f'"{name}" {_type(inner)}' for name, inner in kind.items()) + ")"


def reader(path: str) -> str:
    """SQL of the typed read."""
    columns = ", ".join(f"'{name}': '{_type(kind)}'" for name, kind in COLUMNS.items())
    quoted = path.replace("'", "''")
    return f"read_json('{quoted}', format='newline_delimited', columns={{{columns}}})"


def main() -> None:
    """Command line; prints the number of lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--stream", action="store_true")
    given = parser.parse_args()
    con = duckdb.connect()
    con.execute("SET TimeZone='UTC'")
    if given.threads:
        con.execute(f"SET threads={given.threads}")
    counted = ", ".join(f'count("{name}")' for name in COLUMNS)
    source = reader(given.file)
    if not given.stream:
        con.execute(f"CREATE TABLE events AS SELECT * FROM {source}").fetchall()
        source = "events"
    row = con.execute(f"SELECT count(*), {counted} FROM {source}").fetchone()
    assert row is not None
    print(json.dumps({"lines": row[0]}))


if __name__ == "__main__":
    main()
