"""Runs one peer of the Star Schema Benchmark and prints its times and answers as JSON.

Usage: peers.py duckdb_files|duckdb_native|chdb_files REQUEST.json
"""

import json
import statistics
import sys
import time
from pathlib import Path


def text(value: object) -> str:
    return "" if value is None else str(value)


def measure(queries: list, warm_ups: int, runs: int, ask) -> tuple[dict, dict]:
    """The times of every query after the runs that do not count, and its answer."""
    times, rows = {}, {}
    for name, sql in queries:
        taken = []
        for run in range(warm_ups + runs):
            started = time.perf_counter()
            answer = ask(sql)
            if run >= warm_ups:
                taken.append((time.perf_counter() - started) * 1000)
        times[name], rows[name] = taken, [[text(value) for value in row] for row in answer]
        print(f"  {name} {statistics.median(taken):.1f} ms", file=sys.stderr)
    return times, rows


def duckdb(request: dict, native: bool) -> dict:
    import duckdb

    file = Path(request["folder"]) / "duckdb.db"
    if native:
        file.unlink(missing_ok=True)
    connection = duckdb.connect(str(file) if native else ":memory:")
    connection.execute(f"SET threads = {request['threads']}")
    connection.execute(f"SET memory_limit = '{request['memory_gib']}GB'")
    connection.execute("CREATE SCHEMA warehouse")
    started = time.perf_counter()
    for table, files in request["tables"].items():
        what = "TABLE" if native else "VIEW"
        # The partition column is in the folders' names; no query reads it.
        scan = f"read_parquet({files}, hive_partitioning = false)"
        # As written by Starhouse: file after file, each in its order.
        connection.execute(f"CREATE {what} warehouse.{table} AS SELECT * FROM {scan}")
    loaded = time.perf_counter() - started if native else None
    if native:
        connection.execute("CHECKPOINT")
    times, rows = measure(
        request["queries"], request["warm_ups"], request["runs"], lambda sql: connection.execute(sql).fetchall()
    )
    kind = "native" if native else "same files"
    return {"title": f"DuckDB {duckdb.__version__}, {kind}", "load_seconds": loaded, "times_ms": times, "rows": rows}


def chdb(request: dict) -> dict:
    import chdb
    from chdb import session

    connection = session.Session()
    settings = f"SETTINGS max_threads = {request['threads']}, max_memory_usage = {request['memory_gib'] << 30}"
    places = {}
    for table, files in request["tables"].items():
        folder = str(Path(files[0]).parents[1 if "=" in Path(files[0]).parent.name else 0])
        pattern = "/*/*.parquet" if "=" in Path(files[0]).parent.name else "/*.parquet"
        places[f"warehouse.{table}"] = f"file('{folder}{pattern}', Parquet)"

    def ask(sql: str) -> list:
        for table, place in places.items():
            sql = sql.replace(f"{table} ", f"{place} AS ")
        answer = connection.query(f"{sql} {settings}", "JSONCompactStrings")
        return json.loads(str(answer))["data"]

    times, rows = measure(request["queries"], request["warm_ups"], request["runs"], ask)
    return {"title": f"ClickHouse (chdb {chdb.__version__}), same files", "load_seconds": None, "times_ms": times, "rows": rows}


def main() -> None:
    request = json.loads(Path(sys.argv[2]).read_text())
    peers = {
        "duckdb_files": lambda: duckdb(request, native=False),
        "duckdb_native": lambda: duckdb(request, native=True),
        "chdb_files": lambda: chdb(request),
    }
    print(json.dumps(peers[sys.argv[1]]()))


if __name__ == "__main__":
    main()
