"""Runs one peer of a benchmark and prints its times and answers as JSON.

Usage: peers.py duckdb_files|duckdb_native|duckdb_cold|chdb_files REQUEST.json   asks
       peers.py duckdb_load|duckdb_native_load REQUEST.json                      loads
       peers.py versions REQUEST.json
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path


def cell(value: object) -> object:
    """Floats as floats, whatever is exact as text, NULL as nothing."""
    if isinstance(value, float):
        return value
    return "" if value is None else str(value)


def measure(queries: list, warm_ups: int, runs: int, ask) -> list:
    """The times of every query after the runs that do not count, and its answer."""
    measured = []
    for name, sql in queries:
        one = {"query": name, "times_ms": [], "rows": [], "failed": None}
        try:
            for run in range(warm_ups + runs):
                started = time.perf_counter()
                answer = ask(sql)
                if run >= warm_ups:
                    one["times_ms"].append((time.perf_counter() - started) * 1000)
            one["rows"] = [[cell(value) for value in row] for row in answer]
            print(f"  {name} {statistics.median(one['times_ms']):.1f} ms", file=sys.stderr)
        except Exception as error:  # noqa: BLE001 - whatever it is, the table shows it
            one.update(times_ms=[], failed=str(error))
            print(f"  {name} failed: {error}", file=sys.stderr)
        measured.append(one)
    return measured


def column(title: str, measured: list) -> dict:
    return {"title": title, "measured": measured, "peak_bytes": peak_bytes()}


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def connect(request: dict, file: str = ":memory:", read_only: bool = False):
    import duckdb

    connection = duckdb.connect(file, read_only=read_only)
    connection.execute(f"SET threads = {request['threads']}")
    connection.execute(f"SET memory_limit = '{request['memory_gib']}GiB'")
    connection.execute(f"SET temp_directory = '{request['folder']}/duckdb-temp'")
    # Off by default. Starhouse keeps the footers of files between queries too.
    connection.execute("SET parquet_metadata_cache = true")
    return connection


def duckdb_tables(request: dict, file: str = ":memory:", what: str = "VIEW"):
    """Starhouse's files as DuckDB's tables."""
    connection = connect(request, file)
    connection.execute("CREATE SCHEMA warehouse")
    for table, files in request["tables"].items():
        # The partition column is in the folders' names; no query reads it.
        scan = f"read_parquet({files}, hive_partitioning = false)"
        # As written by Starhouse: file after file, each in its order.
        connection.execute(f"CREATE {what} warehouse.{table} AS SELECT * FROM {scan}")
    return connection


def native_file(request: dict) -> Path:
    return Path(request["folder"]) / "duckdb.db"


def duckdb(request: dict, native: bool) -> dict:
    import duckdb

    if native:
        connection = connect(request, str(native_file(request)), read_only=True)
    else:
        connection = duckdb_tables(request)
    ask = lambda sql: connection.execute(sql).fetchall()  # noqa: E731
    measured = measure(request["queries"], request["warm_ups"], request["runs"], ask)
    kind = "native" if native else "same files"
    return column(f"DuckDB {duckdb.__version__}, {kind}", measured)


def duckdb_once(request: dict, name: str) -> dict:
    """One query in this process: from opening the files to the last row."""
    import duckdb

    def ask(sql: str) -> list:
        return duckdb_tables(request).execute(sql).fetchall()

    return column(duckdb.__version__, measure([[name, dict(request["queries"])[name]]], 0, 1, ask))


def duckdb_cold(request: dict, path: str) -> dict:
    """Each query by itself in a fresh process."""
    import duckdb

    measured, peak = [], 0
    for name, _ in request["queries"]:
        times = []
        for _ in range(request["runs"]):
            command = [sys.executable, __file__, "duckdb_once", path, name]
            printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            once = json.loads(printed.stdout)
            times += once["measured"][0]["times_ms"]
            peak = max(peak, once["peak_bytes"])
        measured.append({**once["measured"][0], "times_ms": times})
        print(f"  {name} {statistics.median(times or [0]):.1f} ms", file=sys.stderr)
    title = f"DuckDB {duckdb.__version__}, same files, cold"
    return {**column(title, measured), "peak_bytes": peak}


def loaded(store: str, engine: str, seconds: float, rows: int, size: int) -> dict:
    return {
        "store": store,
        "engine": engine,
        "seconds": seconds,
        "rows": rows,
        "bytes": size,
        "peak_bytes": peak_bytes(),
    }


def duckdb_native_load(request: dict) -> dict:
    """From Starhouse's files to a database of DuckDB's own, in their order."""
    import duckdb

    file = native_file(request)
    file.unlink(missing_ok=True)
    started = time.perf_counter()
    connection = duckdb_tables(request, str(file), "TABLE")
    connection.execute("CHECKPOINT")
    seconds = time.perf_counter() - started
    rows = connection.execute(f"SELECT count(*) FROM warehouse.{request['fact']}").fetchone()[0]
    connection.close()
    engine = f"DuckDB {duckdb.__version__}, native"
    return loaded("duckdb_native", engine, seconds, rows, file.stat().st_size)


def duckdb_load(request: dict) -> dict:
    """From text to sorted, partitioned Parquet with surrogate keys: what `etl run` does, without its
    checks of values, of rejected rows and of the grain, its history, checksums and durable writes."""
    import duckdb

    folder = Path(request["folder"])
    out = folder / "duckdb-load"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    connection = connect(request)
    # With as much as the others have, 8 GiB where nothing else is said, it fails at scale 10.
    connection.execute(f"SET memory_limit = '{2 * request['memory_gib']}GiB'")
    started = time.perf_counter()
    connection.execute(request["load"].replace("{sources}", f"{folder}/sources").replace("{out}", str(out)))
    seconds = time.perf_counter() - started
    fact = request["fact"].removeprefix("fact_")
    rows = connection.execute(f"SELECT count(*) FROM read_parquet('{out}/{fact}/*/*.parquet')").fetchone()[0]
    size = sum(file.stat().st_size for file in out.rglob("*.parquet"))
    shutil.rmtree(out)
    return loaded("duckdb_parquet", f"DuckDB {duckdb.__version__}, its own Parquet", seconds, rows, size)


def chdb(request: dict) -> dict:
    import chdb
    from chdb import session

    connection = session.Session()
    settings = f"SETTINGS max_threads = {request['threads']}, max_memory_usage = {request['memory_gib'] << 30}"
    places = {}
    for table, files in request["tables"].items():
        # The live files, by name: others of earlier releases may lie beside them.
        folder = Path(os.path.commonpath([Path(file).parent for file in files]))
        names = ",".join(str(Path(file).relative_to(folder)) for file in files)
        places[f"warehouse.{table}"] = f"file('{folder}/{{{names}}}', Parquet)"

    def ask(sql: str) -> list:
        for table, place in places.items():
            sql = sql.replace(f"{table} ", f"{place} AS ")
        answer = connection.query(f"{sql} {settings}", "JSONCompactStrings")
        return json.loads(str(answer))["data"]

    measured = measure(request["queries"], request["warm_ups"], request["runs"], ask)
    return column(f"ClickHouse (chdb {chdb.__version__}), same files", measured)


def versions() -> dict:
    from importlib.metadata import version

    return {"DuckDB": version("duckdb"), "chdb": version("chdb")}


def main() -> None:
    request = json.loads(Path(sys.argv[2]).read_text())
    peers = {
        "duckdb_files": lambda: duckdb(request, native=False),
        "duckdb_native": lambda: duckdb(request, native=True),
        "duckdb_cold": lambda: duckdb_cold(request, sys.argv[2]),
        "duckdb_once": lambda: duckdb_once(request, sys.argv[3]),
        "duckdb_load": lambda: duckdb_load(request),
        "duckdb_native_load": lambda: duckdb_native_load(request),
        "versions": versions,
        "chdb_files": lambda: chdb(request),
    }
    print(json.dumps(peers[sys.argv[1]]()))


if __name__ == "__main__":
    main()
