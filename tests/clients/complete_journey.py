"""Compares Starhouse's five answers on The Complete Journey with DuckDB's on the raw Parquet files.

Usage: complete_journey.py STARHOUSE PROJECT
STARHOUSE is the binary, PROJECT what `starhouse demo --dataset complete-journey` made. Every answer
is asked as SQL and as a cube query. Money and counts must be equal, ratios to 1e-9.
"""

import csv
import io
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import duckdb

# For each question: DuckDB's own SQL over the raw files, its columns in the order of the answer.
DUCKDB = {
    "01_sales_by_department_week": """
        SELECT p.department, t.week, round(sum(t.sales_value), 2), sum(t.quantity)
        FROM transactions t LEFT JOIN products p USING (product_id)
        GROUP BY ALL ORDER BY 1 NULLS LAST, 2""",
    "02_response_by_income": """
        SELECT d.income, count(DISTINCT c.household_id), count(DISTINCT r.household_id),
               count(DISTINCT r.household_id) / count(DISTINCT c.household_id)
        FROM campaigns c
        LEFT JOIN demographics d USING (household_id)
        LEFT JOIN coupon_redemptions r USING (household_id)
        GROUP BY ALL ORDER BY 1 NULLS LAST""",
    "03_coupon_redemption": """
        WITH offered AS (SELECT campaign_id, count(DISTINCT coupon_upc) n FROM coupons GROUP BY ALL),
        redeemed AS (SELECT campaign_id, count(DISTINCT coupon_upc) n, count(*) times
                     FROM coupon_redemptions GROUP BY ALL)
        SELECT d.campaign_type, d.campaign_id, o.n, coalesce(r.n, 0), coalesce(r.times, 0), coalesce(r.n, 0) / o.n
        FROM campaign_descriptions d LEFT JOIN offered o USING (campaign_id)
        LEFT JOIN redeemed r USING (campaign_id)
        ORDER BY 1, 2""",
    "04_top_households": """
        SELECT household_id, round(sum(sales_value), 2) AS sales, count(DISTINCT basket_id),
               sum(sales_value) / count(DISTINCT basket_id)
        FROM transactions GROUP BY ALL ORDER BY sales DESC, household_id LIMIT 10""",
    "05_promoted_sales": """
        WITH promoted AS (SELECT DISTINCT product_id, store_id, week FROM promotions),
        lines AS (
          SELECT p.department, t.sales_value, t.quantity,
                 CASE WHEN m.week IS NULL THEN 'not promoted' ELSE 'promoted' END AS promotion
          FROM transactions t LEFT JOIN products p USING (product_id)
          LEFT JOIN promoted m ON (m.product_id, m.store_id, m.week) = (t.product_id, t.store_id, t.week))
        SELECT department, promotion, grouping(department), grouping(promotion),
               round(sum(sales_value), 2), sum(quantity), count(*)
        FROM lines GROUP BY ROLLUP (department, promotion)
        ORDER BY grouping(department), department NULLS LAST, grouping(promotion), promotion""",
}


def expected(sources: Path) -> dict[str, list[tuple]]:
    connection = duckdb.connect()
    for file in sources.glob("*.parquet"):
        connection.execute(f"CREATE VIEW {file.stem} AS SELECT * FROM '{file}'")
    return {name: connection.execute(sql).fetchall() for name, sql in DUCKDB.items()}


def answered(binary: str, project: Path, arguments: list[str]) -> list[list[str]]:
    command = [binary, "--project", str(project), *arguments, "--format", "csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed: {done.stderr}")
    return list(csv.reader(io.StringIO(done.stdout)))[1:]


def same(cell: str, value: object) -> bool:
    if value is None:
        return cell == ""
    if isinstance(value, str):
        return cell == value
    if isinstance(value, float) and abs(value * 100 - round(value * 100)) > 1e-6:
        return abs(float(cell) - value) <= 1e-9 * max(1.0, abs(value))
    # Money and counts: equal as exact decimals. DuckDB summed doubles, so its cents are rounded.
    exact = round(Decimal(str(value)), 2) if isinstance(value, float) else Decimal(int(value))
    return abs(Decimal(cell) - exact) < Decimal("1e-9") or abs(float(cell) - float(value)) <= 1e-9


def compare(name: str, kind: str, got: list[list[str]], want: list[tuple]) -> list[str]:
    faults = []
    if len(got) != len(want):
        faults.append(f"{name} ({kind}): {len(got)} rows, DuckDB has {len(want)}")
    for number, (row, other) in enumerate(zip(got, want)):
        if len(row) != len(other) or not all(map(same, row, other)):
            faults.append(f"{name} ({kind}), row {number}: {row}, DuckDB has {other}")
    return faults[:5]


def main() -> None:
    binary, project = sys.argv[1], Path(sys.argv[2])
    faults = []
    for name, want in expected(project / "sources").items():
        question = project / "questions" / name
        by_sql = answered(binary, project, ["sql", "-f", f"{question}.sql"])
        by_cube = answered(binary, project, ["query", f"{question}.yaml"])
        faults += compare(name, "SQL", by_sql, want) + compare(name, "cube query", by_cube, want)
        print(f"{name}: {len(want)} rows compared")
    if faults:
        sys.exit("\n".join(faults))
    print("complete journey: ok")


if __name__ == "__main__":
    main()
