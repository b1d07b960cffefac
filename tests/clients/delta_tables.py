"""Reads every stored table of a project as outsiders do, and compares with what Starhouse answers.

Usage: delta_tables.py STARHOUSE PROJECT [DELTA_EXTENSION]
DuckDB (with its delta extension) and deltalake must find the same rows as `starhouse sql`.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
from deltalake import DeltaTable


def answered(binary: str, project: Path, sql: str, file: Path) -> None:
    command = [binary, "--project", str(project), "sql", "--format", "parquet", "--output", str(file), sql]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{sql}: {done.stderr}")


def main() -> None:
    binary, project = sys.argv[1], Path(sys.argv[2]).resolve()
    connection = duckdb.connect()
    connection.execute(f"LOAD '{sys.argv[3]}'" if len(sys.argv) > 3 else "LOAD delta")
    connection.execute("SET TimeZone = 'UTC'")
    faults, tables = [], sorted((project / "warehouse" / "tables").iterdir())
    with tempfile.TemporaryDirectory() as folder:
        for table in tables:
            file = Path(folder) / f"{table.name}.parquet"
            answered(binary, project, f"SELECT * FROM warehouse.{table.name}", file)
            columns = [f'"{c[0]}"' for c in connection.execute(f"DESCRIBE SELECT * FROM '{file}'").fetchall()]
            names = ", ".join(columns)
            arrow = DeltaTable(str(table)).to_pyarrow_table()  # noqa: F841, DuckDB reads it by name
            ours = f"SELECT {names} FROM '{file}'"
            others = {
                "DuckDB": f"SELECT {names} FROM delta_scan('file://{table}')",
                "deltalake": f"SELECT {names} FROM arrow",
            }
            rows = connection.execute(f"SELECT count(*) FROM '{file}'").fetchone()[0]
            for reader, theirs in others.items():
                count = connection.execute(f"SELECT count(*) FROM ({theirs})").fetchone()[0]
                lacking = connection.execute(f"({ours}) EXCEPT ALL ({theirs}) LIMIT 1").fetchall()
                surplus = connection.execute(f"({theirs}) EXCEPT ALL ({ours}) LIMIT 1").fetchall()
                if count != rows or lacking or surplus:
                    faults.append(f"{table.name}: {reader} has {count} rows of {rows}, not {lacking}, but {surplus}")
            print(f"{table.name}: {rows} rows compared")
    print("\n".join(faults) if faults else f"delta tables: {len(tables)} ok")
    sys.stdout.flush()
    # Threads of the libraries may abort the interpreter's own way out.
    os._exit(1 if faults or not tables else 0)


if __name__ == "__main__":
    main()
