"""Random SQL, asked of a running server over the starter project and of DuckDB over the same rows.

Called by tests/it/differential.rs:  python compare.py grpc://127.0.0.1:PORT SEED COUNT [NUMBER]
With NUMBER only that statement of the seed is asked. Every difference is printed with its seed, number and
SQL, and refusals are counted by their message. A good run ends with "differential: ok (...)"; any other ends
with 1.
"""

import datetime as dt
import re
import sys
import warnings
from collections import Counter
from decimal import Decimal

import duckdb
from adbc_driver_flightsql import dbapi

from expressions import TYPES
from statements import Statements

# A relation's columns, by kind (see expressions.py).
TABLES = {
    "warehouse.fact_orders": [
        ("date_key", "int"), ("product_key", "int"), ("order_no", "text"), ("quantity", "int"), ("amount", "number")],
    "warehouse.dim_product": [
        ("product_key", "int"), ("product_no", "text"), ("product_name", "text"), ("category", "text"),
        ("is_current", "flag")],
    "warehouse.dim_date": [
        ("date_key", "int"), ("date", "date"), ("month", "text"), ("year", "int"), ("day_of_week", "int"),
        ("is_weekend", "flag")],
}
# Few rows, with NULL in every column and most values twice: the project's own tables have little of that.
HOLES = [
    ("product_key", "int"), ("n", "int"), ("t", "text"), ("m", "number"), ("d", "date"), ("f", "flag")]
HOLES_ROWS = """
    (1, 1, 'Tea', 7.50, DATE '2025-01-31', TRUE),
    (1, 1, 'Tea', 7.50, DATE '2025-01-31', TRUE),
    (NULL, 2, 'tea', -7.55, DATE '2024-02-29', FALSE),
    (2, NULL, '', 0, DATE '2024-12-30', NULL),
    (NULL, NULL, NULL, NULL, NULL, NULL),
    (NULL, NULL, NULL, NULL, NULL, NULL),
    (3, -1, 'naïve 50%', 0.05, NULL, TRUE),
    (99, 0, ' R_-2025 ', 100.00, DATE '1999-12-31', FALSE),
    (5, 3, 'O''Neill', NULL, DATE '2025-01-04', NULL)"""

# More rows than this are not compared: it would take longer than they can tell.
MOST_ROWS = 3_000
# Refusals that are known, by a part of their message.
KNOWN_LIMITS = (
    # DataFusion plans IN, EXISTS, ANY and ALL with a subquery as conditions only, not as values.
    r"physical plan does not support logical expression",
    # It computes neither these over frames that slide, nor aggregates of two orders side by side.
    r"can not be used as a sliding accumulator",
    r"conflicting ordering requirements in aggregate functions",
)
# Refusals of what is meant to be answered. A line goes as soon as its fault is mended.
UNMENDED_REFUSALS = (
    # `a` and `CAST(a AS ...)` have one name: beside each other, in functions, GROUP BY and subqueries.
    r"have the same name|comes twice",
    # `-a` and `date + n` within FILTER or ORDER BY of a function: its name is not found again.
    r"there is no column `\w+\(.*(FILTER|ORDER BY|OVER)",
    # GROUPING() of keys that are computed.
    r"there is no column `__grouping_id`|aggregate schema has wrong number of fields",
    # An aggregate with a FILTER over one that has one row.
    r"PhysicalExpr Column references column|does not match with the projection expression",
    # Windows ordered by a column that is one value.
    r"^plan: \[",
)
# Statements with wrong answers, by a pattern: they are not asked. A line goes as soon as its fault is mended.
UNMENDED = ()


def main(uri, seed, count, only=None):
    warnings.filterwarnings("ignore")
    holes = f"sandbox.differential_{seed}"
    with dbapi.connect(uri, autocommit=True) as server, server.cursor() as ours, duckdb.connect() as theirs:
        try:
            tables = copied(ours, theirs, holes)
            statements = Statements(tables, literals(theirs, tables), seed)
            run = Run(ours, theirs, seed)
            for number in [only] if only is not None else range(count):
                run.compare(number, statements.statement(number))
        finally:
            ours.execute(f"DROP TABLE IF EXISTS {holes}")
    return run.report()


def copied(ours, theirs, holes):
    """Fills DuckDB with the server's tables; gives their columns."""
    # As PostgreSQL has them, whom Starhouse follows.
    theirs.execute("SET integer_division = true; SET default_null_order = 'postgres'")
    theirs.execute("CREATE SCHEMA warehouse; CREATE SCHEMA sandbox")
    names = ", ".join(name for name, _ in HOLES)
    typed = ", ".join(f"CAST({name} AS {TYPES[kind]}) AS {name}" for name, kind in HOLES)
    ours.execute(f"DROP TABLE IF EXISTS {holes}")
    ours.execute(f"CREATE TABLE {holes} AS SELECT {typed} FROM (VALUES {HOLES_ROWS}) AS v({names})")
    tables = {**TABLES, holes: HOLES}
    for table, columns in tables.items():
        # Integers are 64 bits wide in DuckDB, whose sums and products of narrow ones may not fit.
        chosen = ", ".join(f"CAST({name} AS BIGINT) AS {name}" if kind == "int" else name for name, kind in columns)
        ours.execute(f"SELECT {', '.join(name for name, _ in columns)} FROM {table}")
        rows = ours.fetch_arrow_table()
        assert rows.num_rows > 0, table
        theirs.register("rows_of_table", rows)
        theirs.execute(f"CREATE TABLE {table} AS SELECT {chosen} FROM rows_of_table")
    return tables


def literals(theirs, tables):
    """Values of the tables' columns by kind, as SQL, in an order that is always the same."""
    found = {}
    for table, columns in tables.items():
        for name, kind in columns:
            values = f"SELECT DISTINCT {name} FROM {table} WHERE {name} IS NOT NULL ORDER BY 1"
            rows = theirs.execute(values).fetchall()
            step = max(1, len(rows) // 12)
            found.setdefault(kind, []).extend(as_sql(value) for value, in rows[::step])
    found["int"] += ["0", "1", "2"]
    return found


def as_sql(value):
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, Decimal):
        return f"CAST('{value}' AS DECIMAL(12, 2))"
    if isinstance(value, dt.date):
        return f"DATE '{value}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


class Run:
    """What came of the statements so far."""

    def __init__(self, ours, theirs, seed):
        self.ours, self.theirs, self.seed = ours, theirs, seed
        self.asked = self.compared = self.with_rows = self.too_many = self.differences = self.left_out = 0
        self.refusals, self.refused_by_duckdb = Counter(), Counter()

    def compare(self, number, query):
        self.asked += 1
        if any(re.search(fault, query.sql) for fault in UNMENDED):
            self.left_out += 1
            return
        try:
            expected = self.theirs.execute(query.sql).fetchmany(MOST_ROWS + 1)
        except duckdb.Error as error:
            self.refused_by_duckdb[kind_of(shortened(error))] += 1
            return
        if len(expected) > MOST_ROWS:
            self.too_many += 1
            return
        try:
            self.ours.execute(query.sql)
            actual = self.ours.fetchall()
        except dbapi.Error as error:
            self.refused(number, query, shortened(error))
            return
        self.compared += 1
        self.with_rows += bool(expected)
        expected, actual = normal_rows(expected, query.kinds), normal_rows(actual, query.kinds)
        missing, added = Counter(expected) - Counter(actual), Counter(actual) - Counter(expected)
        if missing or added or query.ordered and expected != actual:
            self.differences += 1
            print(f"DIFFERENCE {self.seed}:{number} {len(expected)} rows expected, {len(actual)} given", flush=True)
            print(f"  missing {few(missing)}\n  added {few(added)}\n  {query.sql};")

    def refused(self, number, query, message):
        known = any(re.search(limit, message) for limit in (*KNOWN_LIMITS, *UNMENDED_REFUSALS))
        self.refusals[kind_of(message), known] += 1
        if not known and self.refusals[kind_of(message), known] == 1:
            print(f"REFUSED {self.seed}:{number} {message[:400]}\n  {query.sql};", flush=True)

    def report(self):
        """Prints what the run came to; whether it was good."""
        for message, times in self.refused_by_duckdb.most_common(10):
            print(f"DuckDB refused {times}: {message}")
        for (message, known), times in self.refusals.most_common():
            print(f"refused {times}{' (known)' if known else ''}: {message}")
        unknown = sum(times for (_, known), times in self.refusals.items() if not known)
        summary = (f"{self.compared} compared, {self.with_rows} with rows, {self.differences} different, "
                   f"{self.refusals.total()} refused, {unknown} of them unknown, "
                   f"{self.refused_by_duckdb.total()} refused by DuckDB, {self.too_many} of too many rows, "
                   f"{self.left_out} left out")
        # A run that compares little, or nothing but empty answers, would be good whatever is wrong.
        enough = 2 * self.compared >= self.asked and 4 * self.with_rows >= self.asked
        good = enough and not self.differences and not unknown
        print(f"differential: {'ok' if good else 'NOT ok'} ({summary})")
        return good


def shortened(error):
    """A message without what tells where it came from."""
    message = str(error).split("\n")[0].split("[FlightSQL] ")[-1]
    return re.sub(r" \(\w+; [^)]*\)$", "", message)


def kind_of(message):
    """What messages about different statements have in common."""
    return re.sub(r"\d+", "0", re.sub(r"`[^`]*`|\([^()]*\)", "...", message))[:110]


def normal_rows(rows, kinds):
    return [tuple(normal(value, kind) for value, kind in zip(row, kinds, strict=True)) for row in rows]


def normal(value, kind):
    """A value as both sides have it, whatever type each gave it."""
    if value is None:
        return None
    if kind in ("number", "double"):
        # To 9 digits; a value just between two of them must not fall to either side by its last bit.
        return float(f"{float(value) * (1 + 1e-12):.9g}") + 0.0
    if kind == "int":
        return int(value) if value == int(value) else value
    if kind == "date" and isinstance(value, dt.datetime):
        return value.date() if value.time() == dt.time() else value
    return value


def few(rows):
    return list(rows.items())[:2]


if __name__ == "__main__":
    address, seed, count, *only = sys.argv[1:]
    sys.exit(0 if main(address, int(seed), int(count), *map(int, only)) else 1)
