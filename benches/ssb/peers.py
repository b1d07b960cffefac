"""Runs one peer of the Star Schema Benchmark and prints its times and answers as JSON.

Usage: peers.py duckdb_files|duckdb_native|duckdb_cold|duckdb_load|chdb_files REQUEST.json
"""

import json
import resource
import shutil
import statistics
import subprocess
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


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def connect(request: dict, file: str = ":memory:"):
    import duckdb

    connection = duckdb.connect(file)
    connection.execute(f"SET threads = {request['threads']}")
    connection.execute(f"SET memory_limit = '{request['memory_gib']}GB'")
    return connection


def duckdb(request: dict, native: bool) -> dict:
    import duckdb

    file = Path(request["folder"]) / "duckdb.db"
    if native:
        file.unlink(missing_ok=True)
    connection = connect(request, str(file) if native else ":memory:")
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
    return {
        "title": f"DuckDB {duckdb.__version__}, {kind}",
        "load_seconds": loaded,
        "peak_bytes": peak_bytes(),
        "times_ms": times,
        "rows": rows,
    }


def duckdb_once(request: dict, name: str) -> dict:
    """One query in this process: from opening the files to the last row."""
    import duckdb  # noqa: F401 - loading the library does not count

    started = time.perf_counter()
    connection = connect(request)
    connection.execute("CREATE SCHEMA warehouse")
    for table, files in request["tables"].items():
        scan = f"read_parquet({files}, hive_partitioning = false)"
        connection.execute(f"CREATE VIEW warehouse.{table} AS SELECT * FROM {scan}")
    answer = connection.execute(dict(request["queries"])[name]).fetchall()
    taken = (time.perf_counter() - started) * 1000
    return {"ms": taken, "rows": [[text(value) for value in row] for row in answer], "peak_bytes": peak_bytes()}


def duckdb_cold(request: dict, path: str) -> dict:
    """Each query by itself in a fresh process."""
    import duckdb

    times, rows, peak = {}, {}, 0
    for name, _ in request["queries"]:
        times[name] = []
        for _ in range(request["runs"]):
            command = [sys.executable, __file__, "duckdb_once", path, name]
            once = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            times[name].append(once["ms"])
            rows[name], peak = once["rows"], max(peak, once["peak_bytes"])
        print(f"  {name} {statistics.median(times[name]):.1f} ms", file=sys.stderr)
    return {
        "title": f"DuckDB {duckdb.__version__}, same files, cold",
        "load_seconds": None,
        "peak_bytes": peak,
        "times_ms": times,
        "rows": rows,
    }


def duckdb_load(request: dict) -> dict:
    """From text to sorted, partitioned Parquet with surrogate keys: what `etl run` does, without its
    checks of types, of rejected rows and of the grain, its history, checksums and durable writes."""
    import duckdb

    folder = Path(request["folder"])
    sources, out = folder / "sources", folder / "duckdb-load"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    connection = connect(request)
    connection.execute(f"SET temp_directory = '{out}/temp'")
    started = time.perf_counter()
    for name, order in [
        ("customer", "region, nation, city, number"),
        ("supplier", "region, nation, city, number"),
        ("part", "manufacturer, category, brand, number"),
    ]:
        scan = f"read_csv('{sources}/{name}.tbl', delim = '|', header = true)"
        ordered = f"SELECT row_number() OVER (ORDER BY {order})::INTEGER AS {name}_key, * FROM {scan}"
        connection.execute(f"CREATE TABLE {name} AS {ordered}")
        options = "(FORMAT parquet, COMPRESSION lz4_raw)"
        connection.execute(f"COPY (FROM {name} ORDER BY {name}_key) TO '{out}/{name}.parquet' {options}")
    scan = f"read_csv('{sources}/lineorder_*.tbl', delim = '|', header = true)"
    connection.execute(f"""
        COPY (
            SELECT year(l.date) * 10000 + month(l.date) * 100 + day(l.date) AS date_key,
                   customer_key, supplier_key, part_key, l."order", line, quantity, discount, priority,
                   mode, price, total, revenue, cost, tax, committed,
                   year(l.date) * 100 + month(l.date) AS partition_month
            FROM {scan} l
            JOIN customer c ON c.number = l.customer
            JOIN supplier s ON s.number = l.supplier
            JOIN part p ON p.number = l.part
            ORDER BY partition_month, supplier_key, date_key
        ) TO '{out}/lineorder' (FORMAT parquet, PARTITION_BY partition_month, COMPRESSION lz4_raw)
    """)
    taken = time.perf_counter() - started
    size = sum(file.stat().st_size for file in out.rglob("*.parquet"))
    shutil.rmtree(out)
    return {
        "title": f"DuckDB {duckdb.__version__}",
        "seconds": taken,
        "bytes": size,
        "peak_bytes": peak_bytes(),
    }


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
    return {
        "title": f"ClickHouse (chdb {chdb.__version__}), same files",
        "load_seconds": None,
        "peak_bytes": peak_bytes(),
        "times_ms": times,
        "rows": rows,
    }


def main() -> None:
    request = json.loads(Path(sys.argv[2]).read_text())
    peers = {
        "duckdb_files": lambda: duckdb(request, native=False),
        "duckdb_native": lambda: duckdb(request, native=True),
        "duckdb_cold": lambda: duckdb_cold(request, sys.argv[2]),
        "duckdb_once": lambda: duckdb_once(request, sys.argv[3]),
        "duckdb_load": lambda: duckdb_load(request),
        "chdb_files": lambda: chdb(request),
    }
    print(json.dumps(peers[sys.argv[1]]()))


if __name__ == "__main__":
    main()
