"""pandas, Polars, DuckDB (over Arrow streams) and SQLAlchemy against a running server over the tiny
project, each through ADBC's Flight SQL driver.

Called by tests/it/clients_drivers.rs:  python tools.py grpc://127.0.0.1:PORT
Any failure is an exception; the last line of a good run is "tools: ok".
"""

import datetime as dt
import sys
from decimal import Decimal

import duckdb
import pandas as pd
import polars as pl
import sqlalchemy as sa
from adbc_driver_flightsql import dbapi

SALES = "SELECT receipt_no, line_no, net_amount, sold_on, gift FROM fact_sales ORDER BY 1, 2"


def check_pandas(connection):
    frame = pd.read_sql(SALES, connection)
    assert list(frame.columns) == ["receipt_no", "line_no", "net_amount", "sold_on", "gift"]
    assert frame["net_amount"].sum() == Decimal("17.51"), frame
    arrow = pd.read_sql(SALES, connection, dtype_backend="pyarrow")
    assert arrow["sold_on"].iloc[0] == dt.date(2025, 1, 31), arrow
    written = pd.DataFrame({"city": ["Paris", "Oslo"], "target": [10, 20]})
    assert written.to_sql("pandas_targets", connection, schema="sandbox", index=False) == 2
    back = pd.read_sql("SELECT * FROM sandbox.pandas_targets ORDER BY target", connection)
    assert back.to_dict("list") == {"city": ["Paris", "Oslo"], "target": [10, 20]}
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE sandbox.pandas_targets")


def check_polars(uri, connection):
    frame = pl.read_database(SALES, connection)
    assert frame["net_amount"].sum() == Decimal("17.51"), frame
    assert frame.schema["sold_on"] == pl.Date, frame.schema
    written = pl.DataFrame({"city": ["Paris", "Oslo"], "target": [10, 20]})
    written.write_database("sandbox.polars_targets", connection, if_table_exists="replace", engine="adbc")
    back = pl.read_database("SELECT * FROM sandbox.polars_targets ORDER BY target", connection)
    assert back.equals(written), back
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE sandbox.polars_targets")


def check_duckdb(connection):
    # DuckDB reads the driver's stream as a table, batch by batch.
    with connection.cursor() as cursor:
        cursor.execute(SALES)
        sales = cursor.fetch_record_batch()
        total = duckdb.connect().sql("SELECT sum(net_amount), count(*) FROM sales").fetchone()
    assert total == (Decimal("17.51"), 4), total


def check_sqlalchemy(engine):
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar() == 1
        rows = connection.execute(
            sa.text("SELECT count(*) FROM fact_sales WHERE quantity > 1")).scalar()
        assert rows == 2, rows
        cube = connection.execute(
            sa.text("SELECT city, MEASURE(revenue) AS revenue FROM cubes.sales GROUP BY city ORDER BY city"))
        assert cube.fetchall()[-2:] == [("Paris", Decimal("0.03")), ("Unknown", Decimal("-7.50"))]
    inspector = sa.inspect(engine)
    assert {"warehouse", "cubes", "sandbox", "system"} <= set(inspector.get_schema_names())
    # Version 0.3 of the dialect compares the types of tables with words in lower case, which Flight
    # SQL does not have, so it lists no names; but it finds every table by its name.
    assert inspector.has_table("fact_sales", schema="warehouse")
    assert not inspector.has_table("fact_sale", schema="warehouse")
    columns = {c["name"] for c in inspector.get_columns("fact_sales", schema="warehouse")}
    assert {"net_amount", "sold_on", "remark"} <= columns, columns
    table = sa.Table("fact_sales", sa.MetaData(), schema="warehouse", autoload_with=engine)
    with engine.connect() as connection:
        query = sa.select(sa.func.sum(table.c.net_amount)).where(table.c.quantity > sa.literal(1))
        assert connection.execute(query).scalar() == Decimal("20.01")
    frame = pd.read_sql("SELECT count(*) AS n FROM fact_sales", engine)
    assert frame["n"].iloc[0] == 4


def main():
    (uri,) = sys.argv[1:]
    with dbapi.connect(uri, autocommit=True) as connection:
        check_pandas(connection)
        check_polars(uri, connection)
        check_duckdb(connection)
    check_sqlalchemy(sa.create_engine(f"adbc+flightsql://{uri.removeprefix('grpc://')}?tls=false"))
    print("tools: ok")


if __name__ == "__main__":
    main()
