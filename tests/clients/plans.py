"""Substrait plans sent by Python's ADBC driver for Flight SQL to a running server over the tiny project.

Called by tests/it/substrait.rs:  python plans.py grpc://127.0.0.1:PORT QUESTION PREPARED
where QUESTION and PREPARED are files with a plan each: receipt numbers and amounts in their order, and
how many rows have a quantity above a parameter.
Any failure is an exception; the last line of a good run is "substrait: ok".
"""

import sys
from decimal import Decimal

import adbc_driver_manager
from adbc_driver_flightsql import dbapi

ROWS = [
    ("R1", Decimal("19.98")), ("R1", Decimal("5.00")), ("R2", Decimal("0.03")), ("R3", Decimal("-7.50"))]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def check_dbapi(connection, question, prepared):
    with connection.cursor() as cursor:
        cursor.execute(question)
        assert cursor.fetchall() == ROWS
        for above, expected in [(0, 4), (1, 2), (2, 1)]:
            cursor.execute(prepared, [above])
            assert cursor.fetchall() == [(expected,)], above
        try:
            cursor.execute(b"no plan at all")
        except adbc_driver_manager.Error as error:
            assert "not a Substrait plan" in str(error), error
        else:
            raise AssertionError("nonsense was answered")


def check_unprepared(connection, question):
    statement = adbc_driver_manager.AdbcStatement(connection.adbc_connection)
    try:
        statement.set_substrait_plan(question)
        stream, _ = statement.execute_query()
        import pyarrow as pa

        table = pa.RecordBatchReader._import_from_c(stream.address).read_all()
        assert table.column(0).to_pylist() == [receipt for receipt, _ in ROWS]
    finally:
        statement.close()


def main():
    uri, question, prepared = sys.argv[1], read(sys.argv[2]), read(sys.argv[3])
    with dbapi.connect(uri) as connection:
        check_dbapi(connection, question, prepared)
        check_unprepared(connection, question)
    print("substrait: ok")


main()
