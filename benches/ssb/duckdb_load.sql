-- What `starhouse etl run` makes, by DuckDB: dimensions with keys in the order of their hierarchy,
-- the fact with its keys looked up, partitioned by month and sorted.
CREATE TABLE customer AS
SELECT row_number() OVER (ORDER BY region, nation, city, number)::INTEGER AS customer_key, *
FROM read_csv('{sources}/customer.tbl', delim = '|', header = true);

CREATE TABLE supplier AS
SELECT row_number() OVER (ORDER BY region, nation, city, number)::INTEGER AS supplier_key, *
FROM read_csv('{sources}/supplier.tbl', delim = '|', header = true);

CREATE TABLE part AS
SELECT row_number() OVER (ORDER BY manufacturer, category, brand, number)::INTEGER AS part_key, *
FROM read_csv('{sources}/part.tbl', delim = '|', header = true);

COPY (FROM customer ORDER BY customer_key) TO '{out}/customer.parquet' (FORMAT parquet, COMPRESSION lz4_raw);
COPY (FROM supplier ORDER BY supplier_key) TO '{out}/supplier.parquet' (FORMAT parquet, COMPRESSION lz4_raw);
COPY (FROM part ORDER BY part_key) TO '{out}/part.parquet' (FORMAT parquet, COMPRESSION lz4_raw);

COPY (
    SELECT year(l.date) * 10000 + month(l.date) * 100 + day(l.date) AS date_key,
           customer_key, supplier_key, part_key, l."order", line, quantity, discount, priority,
           mode, price, total, revenue, cost, tax, committed,
           year(l.date) * 100 + month(l.date) AS partition_month
    FROM read_csv('{sources}/lineorder_*.tbl', delim = '|', header = true) l
    JOIN customer c ON c.number = l.customer
    JOIN supplier s ON s.number = l.supplier
    JOIN part p ON p.number = l.part
    ORDER BY partition_month, supplier_key, date_key
) TO '{out}/lineorder' (FORMAT parquet, PARTITION_BY partition_month, COMPRESSION lz4_raw);
