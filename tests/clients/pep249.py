"""PEP 249 (Python's DB-API 2.0), sentence by sentence, over Python's ADBC driver.

Called by tests/it/clients_drivers.rs:  python pep249.py grpc://127.0.0.1:PORT
Any failure is an exception; the last line of a good run is "pep249: ok".
"""

import datetime as dt
import sys
from decimal import Decimal

from adbc_driver_flightsql import dbapi

# What PEP 249 has and this does not do, and why. Each is checked to be as said: what begins to work
# must leave the list.
EXCLUDED = {
    "Binary": "the driver has no such constructor; bytes are given as they are",
    "callproc": "optional; there are no procedures, and the driver does not do it",
    "nextset": "optional; a statement has one answer, and the driver does not do it",
    "rowcount of a question": "the driver gives -1, as PEP 249 allows: how many come is not known before",
    "rollback": "there are no transactions: each statement is done once it is run",
    "IntegrityError": "nothing is unique or referred to in the sandbox; a NULL where none may be is a "
                      "ProgrammingError, for gRPC has no code of its own for it",
}


def refused(kind, call):
    try:
        call()
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__}")


def check_module():
    assert dbapi.apilevel == "2.0"
    assert dbapi.threadsafety in (0, 1, 2, 3)
    assert dbapi.paramstyle == "qmark"
    for name in ("Date", "Time", "Timestamp", "DateFromTicks", "TimeFromTicks", "TimestampFromTicks",
                 "STRING", "BINARY", "NUMBER", "DATETIME", "ROWID"):
        assert hasattr(dbapi, name), name
    assert not hasattr(dbapi, "Binary"), EXCLUDED["Binary"]
    assert issubclass(dbapi.Warning, Exception) and issubclass(dbapi.Error, Exception)
    assert issubclass(dbapi.InterfaceError, dbapi.Error)
    assert issubclass(dbapi.DatabaseError, dbapi.Error)
    for kind in ("DataError", "OperationalError", "IntegrityError", "InternalError",
                 "ProgrammingError", "NotSupportedError"):
        assert issubclass(getattr(dbapi, kind), dbapi.DatabaseError), kind
        assert getattr(dbapi.Connection, kind) is getattr(dbapi, kind), kind


def check_cursor(connection):
    cursor = connection.cursor()
    assert cursor.description is None and cursor.arraysize == 1
    refused(dbapi.Error, cursor.fetchone)
    cursor.setinputsizes([None])
    cursor.setoutputsize(1000, 0)

    cursor.execute("SELECT n AS a, CAST(n AS VARCHAR) AS b FROM generate_series(1, 7) AS t(n) ORDER BY n")
    assert [column[0] for column in cursor.description] == ["a", "b"]
    assert all(len(column) == 7 for column in cursor.description)
    types = [column[1] for column in cursor.description]
    assert types[0] == dbapi.NUMBER and types[1] == dbapi.STRING
    assert types[0] != dbapi.STRING
    assert cursor.rowcount == -1, EXCLUDED["rowcount of a question"]
    assert cursor.fetchone() == (1, "1")
    assert cursor.fetchmany() == [(2, "2")], "as many as arraysize says"
    cursor.arraysize = 2
    assert len(cursor.fetchmany()) == 2
    assert cursor.fetchmany(1) == [(5, "5")]
    assert cursor.fetchall() == [(6, "6"), (7, "7")]
    assert cursor.fetchone() is None and cursor.fetchall() == [] and cursor.fetchmany(3) == []
    cursor.execute("SELECT 1 AS a WHERE false")
    assert cursor.fetchall() == [] and cursor.description[0][0] == "a"
    cursor.execute("SELECT 1 UNION ALL SELECT 2 ORDER BY 1")
    assert list(cursor) == [(1,), (2,)], "cursors are iterators"
    assert cursor.connection is connection
    refused(dbapi.NotSupportedError, cursor.nextset)
    refused(dbapi.NotSupportedError, lambda: cursor.callproc("anything", ()))
    cursor.close()
    refused(dbapi.Error, lambda: cursor.execute("SELECT 1"))
    with connection.cursor() as within:
        within.execute("SELECT 1")
    refused(dbapi.Error, lambda: within.execute("SELECT 1"))


def check_changes(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE sandbox.pep (n BIGINT, s VARCHAR, d DECIMAL(9, 2), day DATE)")
    day = dbapi.Date(2024, 2, 29)
    cursor.executemany(
        "INSERT INTO sandbox.pep VALUES (?, ?, ?, ?)",
        [(1, "it's", Decimal("1.50"), day), (2, None, None, None), (3, "", Decimal("-0.01"), day)])
    assert cursor.rowcount == 3
    cursor.execute("SELECT * FROM sandbox.pep ORDER BY n")
    assert cursor.fetchall() == [
        (1, "it's", Decimal("1.50"), dt.date(2024, 2, 29)), (2, None, None, None),
        (3, "", Decimal("-0.01"), dt.date(2024, 2, 29))]
    cursor.execute("SELECT n FROM sandbox.pep WHERE s = ? AND day = ?", ("it's", day))
    assert cursor.fetchall() == [(1,)]
    connection.commit()
    cursor.execute("DELETE FROM sandbox.pep WHERE n = 1")
    assert cursor.rowcount == 1
    connection.rollback()
    cursor.execute("SELECT count(*) FROM sandbox.pep")
    assert cursor.fetchone() == (2,), EXCLUDED["rollback"]
    # Another connection sees it: it is done.
    with dbapi.connect(sys.argv[1], autocommit=True) as other, other.cursor() as seen:
        seen.execute("SELECT count(*) FROM sandbox.pep")
        assert seen.fetchone() == (2,)
    cursor.execute("DROP TABLE sandbox.pep")
    cursor.close()


def check_errors(connection):
    with connection.cursor() as cursor:
        for statement in ("SELEC 1", "SELECT * FROM nowhere", "SELECT nothing FROM fact_sales",
                          "DROP TABLE fact_sales", "SELECT CAST('x' AS INT)"):
            refused(dbapi.DatabaseError, lambda: (cursor.execute(statement), cursor.fetchall()))
        cursor.execute("CREATE TABLE sandbox.strict (n BIGINT NOT NULL)")
        message = refused(dbapi.ProgrammingError, lambda: (
            cursor.execute("INSERT INTO sandbox.strict VALUES (NULL)"), cursor.fetchall()))
        assert "NULL" in message, message
        cursor.execute("DROP TABLE sandbox.strict")
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,), "the connection lives on"


def main():
    check_module()
    connection = dbapi.connect(sys.argv[1], autocommit=True)
    check_cursor(connection)
    check_changes(connection)
    check_errors(connection)
    connection.close()
    refused(dbapi.Error, connection.cursor)
    print("pep249: ok")


if __name__ == "__main__":
    main()
