"""Takes one day into a type-2 dimension with one peer, or looks at what the days came to.

Usage: peers.py WAY DAY DIR THREADS MEMORY_GIB    what the day took, as JSON; day 0 is the first load
       peers.py WAY check DIR THREADS MEMORY_GIB  what the dimension holds, as JSON

Each way does the same: find which rows of the day differ, NULL being equal to NULL, close the present
version of those, open a new one with the next surrogate keys, durably.
"""

import json
import os
import resource
import shutil
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
from deltalake import DeltaTable, write_deltalake

VALUES = ["customer_name", "city", "segment", "credit"]
TYPES = {
    "customer_no": "BIGINT",
    "customer_name": "VARCHAR",
    "city": "VARCHAR",
    "segment": "VARCHAR",
    "credit": "DECIMAL(12,2)",
}
BEGINNING = "TIMESTAMPTZ '1900-01-01 00:00:00+00'"
OPEN_END = "TIMESTAMPTZ '9999-12-31 00:00:00+00'"


class Day:
    """A day's rows, and where a peer keeps the dimension."""

    def __init__(self, day: int, folder: Path, threads: int, memory_gib: int):
        self.number, self.folder = day, folder
        self.threads, self.memory_gib = threads, memory_gib
        self.moment = datetime(2025, 1, 1, tzinfo=timezone.utc) + timedelta(days=day)
        self.at = f"TIMESTAMPTZ '{self.moment:%Y-%m-%d} 00:00:00+00'"

    def connect(self, file: str = ":memory:"):
        connection = duckdb.connect(file)
        connection.execute(f"SET threads = {self.threads}")
        connection.execute(f"SET memory_limit = '{self.memory_gib}GiB'")
        connection.execute(f"SET temp_directory = '{self.folder}/duckdb-temp'")
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    def rows(self) -> str:
        types = ", ".join(f"'{name}': '{kind}'" for name, kind in TYPES.items())
        return f"read_csv('{self.folder}/days/day_{self.number:03}.csv', columns = {{{types}}})"

    def first(self) -> str:
        """The members of day 0, as versions."""
        return f"""
            SELECT (row_number() OVER (ORDER BY customer_no))::INTEGER AS customer_key, *,
                   (row_number() OVER (ORDER BY customer_no))::INTEGER AS customer_durable_key,
                   {BEGINNING} AS valid_from, {OPEN_END} AS valid_to, true AS is_current
            FROM {self.rows()} ORDER BY customer_key"""

    def find_differing(self, connection, dimension: str) -> None:
        """Makes `differing`: rows that are new or differ, with the keys of what they take the place of."""
        same = " AND ".join(f"d.{name} IS NOT DISTINCT FROM c.{name}" for name in VALUES)
        connection.execute(f"""
            CREATE TEMP TABLE differing AS
            SELECT d.*, c.customer_key AS old_key, c.customer_durable_key AS durable
            FROM {self.rows()} d
            LEFT JOIN (SELECT * FROM {dimension} WHERE is_current) c USING (customer_no)
            WHERE c.customer_key IS NULL OR NOT ({same})""")

    def opened(self, dimension: str) -> str:
        """The versions that `differing` opens."""
        values = ", ".join(VALUES)
        return f"""
            SELECT key AS customer_key, customer_no, {values},
                   coalesce(durable, key) AS customer_durable_key,
                   CASE WHEN durable IS NULL THEN {BEGINNING} ELSE {self.at} END AS valid_from,
                   {OPEN_END} AS valid_to, true AS is_current
            FROM (SELECT *, ((SELECT max(customer_key) FROM {dimension})
                             + row_number() OVER (ORDER BY customer_no))::INTEGER AS key
                  FROM differing)
            ORDER BY key"""


def duckdb_native(day: Day) -> None:
    """A database file of DuckDB's own."""
    file = day.folder / "peer.duckdb"
    if day.number == 0:
        file.unlink(missing_ok=True)
    connection = day.connect(str(file))
    if day.number == 0:
        connection.execute(f"CREATE TABLE customer AS {day.first()}")
    else:
        connection.execute("BEGIN")
        day.find_differing(connection, "customer")
        connection.execute(f"""
            CREATE TEMP TABLE opened AS {day.opened("customer")}""")
        connection.execute(f"""
            UPDATE customer SET valid_to = {day.at}, is_current = false
            FROM differing WHERE customer.customer_key = differing.old_key""")
        connection.execute("INSERT INTO customer FROM opened")
        connection.execute("COMMIT")
    connection.execute("CHECKPOINT")
    connection.close()


def duckdb_parquet(day: Day) -> None:
    """Parquet that anybody can read, written anew by DuckDB."""
    file, new = day.folder / "peer.parquet", day.folder / "peer.parquet.new"
    connection = day.connect()
    if day.number == 0:
        rows = day.first()
    else:
        stored = f"read_parquet('{file}')"
        day.find_differing(connection, stored)
        rows = f"""
            SELECT c.* REPLACE (
                CASE WHEN d.old_key IS NULL THEN c.valid_to ELSE {day.at} END AS valid_to,
                c.is_current AND d.old_key IS NULL AS is_current)
            FROM {stored} c LEFT JOIN differing d ON d.old_key = c.customer_key
            UNION ALL FROM ({day.opened(stored)})"""
    connection.execute(f"COPY ({rows}) TO '{new}' (FORMAT parquet, COMPRESSION lz4_raw)")
    connection.close()
    with new.open("rb") as written:
        os.fsync(written.fileno())
    new.rename(file)
    folder = os.open(day.folder, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def deltalake(day: Day) -> None:
    """A Delta table by MERGE; DuckDB finds what differs, and hands it over as Arrow."""
    folder = day.folder / "peer.delta"
    connection = day.connect()
    if day.number == 0:
        shutil.rmtree(folder, ignore_errors=True)
        write_deltalake(str(folder), connection.sql(day.first()).to_arrow_reader(1_000_000))
        return
    table = DeltaTable(str(folder))
    stored = f"read_parquet({table.file_uris()})"
    day.find_differing(connection, stored)
    # What is closed is found by its key; what is opened matches nothing.
    source = connection.sql(f"""
        SELECT NULL::INTEGER AS merge_key, * FROM ({day.opened(stored)})
        UNION ALL BY NAME SELECT old_key AS merge_key FROM differing WHERE old_key IS NOT NULL
        """).to_arrow_table()
    at = f"arrow_cast('{day.moment:%Y-%m-%dT%H:%M:%S}Z', 'Timestamp(Microsecond, Some(\"UTC\"))')"
    columns = [name for name in source.column_names if name != "merge_key"]
    (
        table.merge(source, "t.customer_key = s.merge_key", source_alias="s", target_alias="t")
        .when_matched_update({"valid_to": at, "is_current": "false"})
        .when_not_matched_insert({name: f"s.{name}" for name in columns})
        .execute()
    )


def stored(way: str, folder: Path) -> str:
    """What a way has stored, as a relation of DuckDB."""
    if way == "duckdb_native":
        return "stored.customer"
    if way == "duckdb_parquet":
        return f"read_parquet('{folder}/peer.parquet')"
    if way == "deltalake":
        return f"read_parquet({DeltaTable(str(folder / 'peer.delta')).file_uris()})"
    files = json.loads((folder / "files.json").read_text())
    return f"(FROM read_parquet({files}, hive_partitioning = false) WHERE customer_key > 0)"


def check(way: str, day: Day) -> dict:
    connection = day.connect()
    if way == "duckdb_native":
        connection.execute(f"ATTACH '{day.folder}/peer.duckdb' AS stored (READ_ONLY)")
    content = ", ".join(
        [*TYPES, "epoch_us(valid_from)", "epoch_us(valid_to)", "is_current"]
    )
    names = ["versions", "keys", "current", "cents", "current_cents", "content"]
    row = connection.execute(f"""
        SELECT count(*), count(DISTINCT customer_key), count(*) FILTER (is_current),
               CAST(sum(credit) * 100 AS BIGINT),
               CAST(sum(credit) FILTER (is_current) * 100 AS BIGINT),
               CAST(sum(hash({content})::HUGEINT) AS VARCHAR)
        FROM {stored(way, day.folder)}""").fetchone()
    return dict(zip(names, row))


def written_bytes() -> int:
    """What this process has given the system to write, where the system says so."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes")), 0)


def main() -> None:
    way, step, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    threads, memory_gib = int(sys.argv[4]), int(sys.argv[5])
    if step == "check":
        print(json.dumps(check(way, Day(0, folder, threads, memory_gib))))
        return
    day = Day(int(step), folder, threads, memory_gib)
    written, started = written_bytes(), time.perf_counter()
    {"duckdb_native": duckdb_native, "duckdb_parquet": duckdb_parquet, "deltalake": deltalake}[way](day)
    seconds = time.perf_counter() - started
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({
        "seconds": seconds,
        "peak_bytes": peak_bytes,
        "written_bytes": written_bytes() - written,
    }))


main()
