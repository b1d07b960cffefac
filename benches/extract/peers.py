"""Extracts the benchmark's rows with one peer and prints what it took as JSON.

Usage: peers.py PEER DIR [URL]

Files become Parquet of the types that Starhouse gives them. PostgreSQL's rows go by COPY into
DuckDB, or to nobody; its password is in PGPASSWORD.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

THREADS = 2
TYPES = {
    "id": "BIGINT",
    "day": "DATE",
    "channel": "VARCHAR",
    "quantity": "SMALLINT",
    "amount": "DECIMAL(12,2)",
}
TABLE = "starhouse_bench"


def duckdb_connection():
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {THREADS}")
    return connection


def duckdb_file(relation: str, out: Path) -> None:
    columns = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in TYPES.items())
    sql = f"COPY (SELECT {columns} FROM {relation}) TO '{out}' (FORMAT parquet)"
    duckdb_connection().execute(sql)


def duckdb_csv(folder: Path, _url: str, out: Path) -> None:
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in TYPES.items())
    duckdb_file(f"read_csv('{folder}/t.csv', columns = {{{types}}})", out)


def duckdb_json_lines(folder: Path, _url: str, out: Path) -> None:
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in TYPES.items())
    relation = f"read_json('{folder}/t.jsonl', format = 'newline_delimited', columns = {{{types}}})"
    duckdb_file(relation, out)


def duckdb_parquet(folder: Path, _url: str, out: Path) -> None:
    duckdb_file(f"read_parquet('{folder}/t.parquet')", out)


def polars_types():
    import polars

    return {
        "id": polars.Int64,
        "day": polars.Date,
        "channel": polars.String,
        "quantity": polars.Int16,
        "amount": polars.Decimal(12, 2),
    }


def polars_csv(folder: Path, _url: str, out: Path) -> None:
    import polars

    polars.scan_csv(folder / "t.csv", schema=polars_types()).sink_parquet(out)


def polars_json_lines(folder: Path, _url: str, out: Path) -> None:
    import polars

    read = {"day": polars.String, "quantity": polars.Int64, "amount": polars.Float64}
    rows = polars.scan_ndjson(folder / "t.jsonl", schema={**polars_types(), **read})
    day = polars.col("day").str.to_date()
    quantity = polars.col("quantity").cast(polars.Int16)
    amount = polars.col("amount").cast(polars.Decimal(12, 2))
    rows.with_columns(day, quantity, amount).sink_parquet(out)


def polars_parquet(folder: Path, _url: str, out: Path) -> None:
    import polars

    polars.scan_parquet(folder / "t.parquet").cast(polars_types()).sink_parquet(out)


def copy_out(url: str):
    """The blocks of COPY TO STDOUT, as CSV."""
    import psycopg

    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY {TABLE} TO STDOUT (FORMAT csv, HEADER)") as copy:
            yield from copy


def psycopg_to_duckdb(_folder: Path, url: str, out: Path) -> None:
    """By way of a file: DuckDB reads none that is being written."""
    text = out.with_suffix(".csv")
    with text.open("wb") as file:
        for block in copy_out(url):
            file.write(block)
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in TYPES.items())
    duckdb_file(f"read_csv('{text}', columns = {{{types}}})", out)


def postgresql_load(folder: Path, url: str) -> None:
    import psycopg

    columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")
        cursor.execute(f"CREATE TABLE {TABLE} ({columns})")
        with cursor.copy(f"COPY {TABLE} FROM STDIN (FORMAT csv, HEADER)") as copy:
            with (folder / "t.csv").open("rb") as file:
                while block := file.read(1 << 20):
                    copy.write(block)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"VACUUM ANALYZE {TABLE}")


def found(out: Path) -> tuple[int, int]:
    """Rows and cents of a Parquet file."""
    sql = f"SELECT count(*), CAST(sum(amount) * 100 AS BIGINT) FROM read_parquet('{out}')"
    return duckdb_connection().execute(sql).fetchone()


def taken(seconds: float, rows: int, cents: int | None) -> str:
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return json.dumps({"seconds": seconds, "rows": rows, "cents": cents, "peak_bytes": peak_bytes})


def main() -> None:
    peer, folder, url = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    started = time.perf_counter()
    if peer == "postgresql_load":
        postgresql_load(folder, url)
        print(taken(time.perf_counter() - started, 0, None))
    elif peer == "psycopg_to_nobody":
        lines = sum(bytes(block).count(b"\n") for block in copy_out(url))
        print(taken(time.perf_counter() - started, lines - 1, None))
    else:
        with tempfile.TemporaryDirectory(dir=folder) as work:
            out = Path(work) / "t.parquet"
            globals()[peer](folder, url, out)
            seconds = time.perf_counter() - started
            print(taken(seconds, *found(out)))


main()
