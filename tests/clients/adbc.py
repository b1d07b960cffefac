"""Python's ADBC driver for Flight SQL against a running server over the tiny project.

Called by tests/it/clients_drivers.rs:  python adbc.py grpc://127.0.0.1:PORT ANSWER.arrow
where ANSWER.arrow is what `starhouse sql --format arrow` gives for QUERY below.
or, over TLS:  python adbc.py grpc+tls://127.0.0.1:PORT CERTIFICATE.pem PASSWORD
Any failure is an exception; the last line of a good run is "adbc: ok".
"""

import datetime as dt
import sys
from decimal import Decimal

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_flightsql import DatabaseOptions, dbapi

QUERY = (
    "SELECT s.store_name, f.* FROM fact_sales f JOIN dim_store s USING (store_key) "
    "ORDER BY receipt_no, line_no"
)


def read_arrow(path):
    with pa.memory_map(path) as file:
        try:
            return pa.ipc.open_stream(file).read_all()
        except pa.ArrowInvalid:
            return pa.ipc.open_file(path).read_all()


def check_values(connection):
    with connection.cursor() as cursor:
        cursor.execute(QUERY)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row)) for row in cursor.fetchall()]
    assert [row["store_name"] for row in rows] == [
        "Königsallee", "Königsallee", "Rue de Rivoli", "Unknown"]
    assert [row["net_amount"] for row in rows] == [
        Decimal("19.98"), Decimal("5.00"), Decimal("0.03"), Decimal("-7.50")]
    assert [row["sold_on"] for row in rows] == [
        dt.date(2025, 1, 31), dt.date(2025, 1, 31), dt.date(2024, 2, 29), dt.date(2025, 12, 31)]
    utc = dt.timezone.utc
    assert rows[0]["sold_at"] == dt.datetime(2025, 1, 31, 10, 15, 30, 123456, tzinfo=utc)
    assert rows[2]["sold_at"] == dt.datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=utc)
    assert [row["weight_kg"] for row in rows] == [0.5, None, 0.001, 2.25]
    assert [row["gift"] for row in rows] == [True, False, None, None]
    assert [row["remark"] for row in rows] == ["first", None, "naïve 东京", ""]


def check_same_as_command_line(connection, path):
    expected = read_arrow(path)
    with connection.cursor() as cursor:
        cursor.execute(QUERY)
        answer = cursor.fetch_arrow_table()
    assert answer.schema.equals(expected.schema), f"{answer.schema}\n!=\n{expected.schema}"
    assert answer.equals(expected), f"{answer}\n!=\n{expected}"


def check_aggregates(connection):
    # The driver compares the announced schema with the answer's strictly, nullability included.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*), SUM(net_amount), AVG(weight_kg), MIN(sold_on) FROM fact_sales")
        assert cursor.fetchone() == (
            4, Decimal("17.51"), (0.5 + 0.001 + 2.25) / 3, dt.date(2024, 2, 29))
        cursor.execute("SELECT MEASURE(revenue) FROM cubes.sales WHERE city = 'Paris'")
        assert cursor.fetchone() == (Decimal("0.03"),)
        cursor.execute("SELECT city, MEASURE(revenue) FROM cubes.sales GROUP BY city ORDER BY city")
        assert [row[1] for row in cursor.fetchall()] == [
            Decimal("24.98"), Decimal("0.03"), Decimal("-7.50")]


def check_parameters(connection):
    receipts = "SELECT receipt_no FROM fact_sales WHERE "
    cases = [
        ("quantity >= ? AND receipt_no <> ?", (2, "R2"), ["R1"]),
        ("net_amount = ?", (Decimal("0.03"),), ["R2"]),
        ("net_amount < ?", (Decimal("0"),), ["R3"]),
        ("sold_on = ?", (dt.date(2024, 2, 29),), ["R2"]),
        ("sold_on > ?", ("2025-06-01",), ["R3"]),
        ("sold_at < ?", (dt.datetime(2025, 1, 1, tzinfo=dt.timezone.utc),), ["R2"]),
        ("weight_kg > ?", (2,), ["R3"]),
        ("quantity > ?", (2.5,), ["R2"]),
        ("gift = ?", (True,), ["R1"]),
        ("remark = ?", ("naïve 东京",), ["R2"]),
        ("remark = ?", (None,), []),
        ("remark IN (?, ?)", ("", "first"), ["R1", "R3"]),
    ]
    with connection.cursor() as cursor:
        for condition, values, expected in cases:
            cursor.execute(f"{receipts}{condition} ORDER BY receipt_no", values)
            found = [row[0] for row in cursor.fetchall()]
            assert found == expected, f"{condition} with {values}: {found}"


def check_metadata(connection):
    info = connection.adbc_get_info()
    assert info["vendor_name"] == "Starhouse", info
    objects = connection.adbc_get_objects(depth="all").read_all().to_pylist()
    assert [catalog["catalog_name"] for catalog in objects] == ["starhouse"]
    tables = {
        (schema["db_schema_name"], table["table_name"]): table
        for schema in objects[0]["catalog_db_schemas"]
        for table in schema["db_schema_tables"]
    }
    assert {("warehouse", "dim_store"), ("warehouse", "fact_sales"), ("cubes", "sales")} <= set(
        tables), sorted(tables)
    fact = tables["warehouse", "fact_sales"]
    columns = [column["column_name"] for column in fact["table_columns"]]
    assert columns[:3] == ["store_key", "receipt_no", "line_no"], columns
    schema = connection.adbc_get_table_schema("dim_store", db_schema_filter="warehouse")
    assert schema.field("opened_on").type == pa.date32()
    assert set(connection.adbc_get_table_types()) == {
        "TABLE", "VIEW", "SYSTEM TABLE", "LOCAL TEMPORARY"}


def check_whole_and_parts(connection):
    with connection.cursor() as cursor:
        schema = cursor.adbc_execute_schema("SELECT net_amount FROM fact_sales")
        assert schema.field("net_amount").type == pa.decimal128(12, 2)
        partitions, _ = cursor.adbc_execute_partitions("SELECT COUNT(*) FROM fact_sales")
        assert len(partitions) == 1
        cursor.adbc_read_partition(partitions[0])
        assert cursor.fetchone() == (4,)
        # An answer cut into parts, each read by itself: together, in their order, the answer.
        cursor.execute("SET endpoints = 4")
        many = "SELECT n FROM generate_series(1, 100000) AS t(n) ORDER BY n"
        partitions, schema = cursor.adbc_execute_partitions(many)
        assert len(partitions) == 4 and schema.names == ["n"], (len(partitions), schema)
        parts = []
        for partition in partitions:
            cursor.adbc_read_partition(partition)
            parts += cursor.fetch_arrow_table().column("n").to_pylist()
        assert parts == list(range(1, 100_001))
        # Whoever does not ask for parts gets them one after the other.
        cursor.execute(many)
        assert cursor.fetch_arrow_table().column("n").to_pylist() == parts
        cursor.execute("RESET endpoints")
        # Polled: the driver is given what is there so far, until all of it is.
        cursor.adbc_statement.set_options(**{"adbc.statement.exec.incremental": "true"})
        polled = []
        while True:
            partitions, _ = cursor.adbc_execute_partitions(many)
            if not partitions:
                break
            for partition in partitions:
                with connection.cursor() as reader:
                    reader.adbc_read_partition(partition)
                    polled += reader.fetch_arrow_table().column("n").to_pylist()
        assert polled == parts


def check_temporary(connection, uri):
    rows = pa.table({"id": pa.array([1, 2, 3], pa.int64()), "name": ["a", None, "naïve 东京"]})
    with connection.cursor() as cursor:
        assert cursor.adbc_ingest("own", rows, mode="create", temporary=True) == 3
        assert cursor.adbc_ingest("own", rows, mode="append", temporary=True) == 3
        cursor.execute("SELECT id, name FROM own ORDER BY id, name")
        assert cursor.fetch_arrow_table().column("id").to_pylist() == [1, 1, 2, 2, 3, 3]
        cursor.execute("DELETE FROM own WHERE id < 3")
        assert cursor.rowcount == 4
        # The same text again is the table as it is now.
        for count in (2, 3):
            cursor.execute("SELECT count(*) FROM own")
            assert cursor.fetchone() == (count,)
            cursor.execute("INSERT INTO own VALUES (?, ?)", (count, "x"))
        with dbapi.connect(uri, autocommit=True) as other, other.cursor() as stranger:
            try:
                stranger.execute("SELECT * FROM own")
            except adbc_driver_manager.Error as error:
                assert "there is no table" in str(error), error
            else:
                raise AssertionError("somebody else sees a temporary table")
        assert cursor.adbc_ingest("own", rows, mode="replace", temporary=True) == 3
        cursor.execute("DROP TABLE own")


def check_sandbox(connection):
    rows = pa.table({
        "id": pa.array([1, 2, 3], pa.int64()),
        "name": pa.array(["a", None, "naïve 东京"]),
        "amount": pa.array([Decimal("1.50"), Decimal("-2.25"), None], pa.decimal128(9, 2)),
        "day": pa.array([dt.date(2025, 1, 31), None, dt.date(2024, 2, 29)]),
        "code": pa.array(["x", "y", "x"]).dictionary_encode(),
        "ratio": pa.array([0.5, None, 2.25], pa.float32()),
    })
    everything = "SELECT * FROM sandbox.taken ORDER BY id"

    def read():
        with connection.cursor() as cursor:
            cursor.execute(everything)
            return cursor.fetch_arrow_table().to_pydict()

    with connection.cursor() as cursor:
        assert cursor.adbc_ingest("taken", rows, mode="create") == 3
        assert read() == rows.to_pydict()
        assert cursor.adbc_ingest("taken", rows, mode="append") == 3
        assert cursor.adbc_ingest("taken", rows, mode="replace", db_schema_name="sandbox") == 3
        assert cursor.adbc_ingest("taken", rows.to_reader(1), mode="create_append") == 3
        assert len(read()["id"]) == 6
        for arguments in ({"mode": "create"}, {"mode": "append", "db_schema_name": "warehouse"},
                          {"mode": "append", "temporary": True}):
            try:
                cursor.adbc_ingest("taken", rows, **arguments)
            except adbc_driver_manager.Error:
                continue
            raise AssertionError(f"not refused: {arguments}")
        assert len(read()["id"]) == 6

        cursor.execute("DELETE FROM sandbox.taken WHERE id > 1")
        cursor.execute("UPDATE sandbox.taken SET name = 'b', amount = amount * 2")
        assert set(read()["amount"]) == {Decimal("3.00")}
        cursor.executemany("INSERT INTO sandbox.taken (id, name) VALUES (?, ?)",
                           [(7, "seven"), (8, None), (9, "nine")])
        assert read()["id"] == [1, 1, 7, 8, 9]
        cursor.executemany("UPDATE sandbox.taken SET name = ? WHERE id = ?", [("VII", 7), ("VIII", 8)])
        assert read()["name"][-3:] == ["VII", "VIII", "nine"]
        cursor.executemany("UPDATE sandbox.taken SET name = ? WHERE id = ?", [("seven", 7), (None, 8)])
        cursor.execute("INSERT INTO sandbox.taken (id, day) VALUES (?, ?)", (10, dt.date(2026, 1, 1)))
        assert read()["day"][-1] == dt.date(2026, 1, 1)
        cursor.execute("DROP TABLE sandbox.taken")


def check_sessions(uri):
    with dbapi.connect(uri, conn_kwargs={"adbc.connection.db_schema": "cubes"},
                       autocommit=True) as connection:
        assert connection.adbc_current_db_schema == "cubes"
        with connection.cursor() as cursor:
            cursor.execute("SELECT MEASURE(revenue) FROM sales WHERE city = 'Paris'")
            assert cursor.fetchone() == (Decimal("0.03"),)
        connection.adbc_current_db_schema = "warehouse"
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM fact_sales")
            assert cursor.fetchone() == (4,)


def check_guarded(uri, certificate, password):
    with open(certificate) as file:
        trusted = {DatabaseOptions.TLS_ROOT_CERTS.value: file.read()}
    with dbapi.connect(uri, db_kwargs={**trusted, "username": "ann", "password": password},
                       autocommit=True) as connection:
        check_values(connection)
    for credentials in ({"username": "ann", "password": "wrong"}, {}):
        try:
            with dbapi.connect(uri, db_kwargs={**trusted, **credentials}) as connection:
                check_values(connection)
        except adbc_driver_manager.Error as error:
            assert "UNAUTHENTICATED" in str(error).upper(), error
        else:
            raise AssertionError(f"let in with {credentials}")


def check_errors(connection):
    def refused(statement, *words):
        with connection.cursor() as cursor:
            try:
                cursor.execute(statement)
                cursor.fetchall()
            except adbc_driver_manager.Error as error:
                for word in words:
                    assert word in str(error), f"{statement}: {error}"
                return
        raise AssertionError(f"not refused: {statement}")

    refused("SELECT * FROM dim_stor", "NOT_FOUND", "dim_store")
    refused("SELECT * FROM", "INVALID_ARGUMENT")
    refused("DROP TABLE dim_store", "not for clients")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,), "the connection lives on"


def main():
    if len(sys.argv) == 4:
        check_guarded(*sys.argv[1:])
        print("adbc: ok")
        return
    uri, answer = sys.argv[1:]
    with dbapi.connect(uri, autocommit=True) as connection:
        check_values(connection)
        check_same_as_command_line(connection, answer)
        check_aggregates(connection)
        check_parameters(connection)
        check_metadata(connection)
        check_whole_and_parts(connection)
        check_sandbox(connection)
        check_temporary(connection, uri)
        check_errors(connection)
    check_sessions(uri)
    signed_in = {"username": "ann", "password": "secret"}
    token = {DatabaseOptions.AUTHORIZATION_HEADER.value: "Bearer a-token"}
    for credentials in (signed_in, token):
        with dbapi.connect(uri, db_kwargs=credentials, autocommit=True) as connection:
            check_values(connection)
    print("adbc: ok")


if __name__ == "__main__":
    main()
