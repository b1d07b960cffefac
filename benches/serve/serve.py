"""One wide table into Arrow and pandas: by Starhouse's server, plain and TLS, and by PostgreSQL's COPY
and psycopg. Called by `cargo bench --bench serve`, which starts the servers of Starhouse; PostgreSQL is
started here, in a folder of its own, on a socket in it.
"""

import argparse
import glob
import os
import subprocess
import tempfile
import time

import pandas as pd
import psycopg
from adbc_driver_flightsql import DatabaseOptions, dbapi

TYPES = (
    "n bigint, a1 bigint, a2 bigint, a3 bigint, a4 bigint, a5 bigint, b1 float8, b2 float8, b3 float8, "
    "c1 numeric(12, 2), c2 numeric(18, 4), d1 date, d2 date, e1 timestamptz, f1 text, f2 text, f3 text, "
    "f4 text, g1 boolean, g2 boolean"
)


def timed(name, runs, work):
    took = []
    for _ in range(runs):
        started = time.perf_counter()
        rows = work()
        took.append(time.perf_counter() - started)
    print(f"{name}: {rows / min(took):,.0f} rows/s, {min(took):.3f} s", flush=True)


def starhouse(name, uri, runs, **options):
    with dbapi.connect(uri, db_kwargs=options, autocommit=True) as connection:
        with connection.cursor() as cursor:
            def arrow():
                cursor.execute("SELECT * FROM sandbox.wide")
                return cursor.fetch_arrow_table().num_rows

            def pandas():
                cursor.execute("SELECT * FROM sandbox.wide")
                return len(cursor.fetch_arrow_table().to_pandas())

            timed(f"Starhouse into Arrow, {name}", runs, arrow)
            timed(f"Starhouse into pandas, {name}", runs, pandas)


def postgresql(table, runs):
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    # A server does not run as root.
    user = [] if os.geteuid() else ["runuser", "-u", "postgres", "--"]
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        data = os.path.join(folder, "data")
        subprocess.run([*user, f"{programs}/initdb", "-D", data, "-A", "trust", "-U", "bench"],
                       check=True, stdout=subprocess.DEVNULL)
        options = f"-c listen_addresses='' -k {folder} -c shared_buffers=2GB"
        subprocess.run([*user, f"{programs}/pg_ctl", "-D", data, "-o", options, "-w", "start"],
                       check=True, stdout=subprocess.DEVNULL)
        try:
            with psycopg.connect(host=folder, user="bench", dbname="postgres") as connection:
                connection.execute(f"CREATE TABLE wide ({TYPES})")
                with connection.cursor() as cursor, open(table, "rb") as rows:
                    with cursor.copy("COPY wide FROM STDIN (FORMAT csv, HEADER)") as copy:
                        while part := rows.read(1 << 20):
                            copy.write(part)
                connection.commit()

                def copied():
                    with connection.cursor() as cursor, cursor.copy(
                            "COPY wide TO STDOUT (FORMAT binary)") as copy:
                        for _ in copy:
                            pass
                    return connection.execute("SELECT count(*) FROM wide").fetchone()[0]

                def pandas():
                    cursor = connection.execute("SELECT * FROM wide")
                    names = [column.name for column in cursor.description]
                    return len(pd.DataFrame(cursor.fetchall(), columns=names))

                timed("PostgreSQL, COPY in binary, read and dropped", runs, copied)
                timed("PostgreSQL, psycopg into pandas", runs, pandas)
        finally:
            subprocess.run([*user, f"{programs}/pg_ctl", "-D", data, "-m", "immediate", "stop"],
                           stdout=subprocess.DEVNULL)


def main():
    arguments = argparse.ArgumentParser()
    for name in ("plain", "tls", "certificate", "table", "runs"):
        arguments.add_argument(f"--{name}", required=True)
    given = arguments.parse_args()
    runs = int(given.runs)
    starhouse("plain", given.plain, runs)
    with open(given.certificate) as file:
        starhouse("TLS", given.tls, runs, **{DatabaseOptions.TLS_ROOT_CERTS.value: file.read()})
    postgresql(given.table, runs)


if __name__ == "__main__":
    main()
