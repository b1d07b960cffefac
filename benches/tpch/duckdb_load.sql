-- What `starhouse etl run` makes, by DuckDB: dimensions with keys in the order of their hierarchy,
-- facts with their keys looked up, partitioned by month and sorted.
CREATE TABLE customer AS
SELECT row_number() OVER (ORDER BY c_custkey)::INTEGER AS customer_key, *
FROM read_csv('{sources}/customer.tbl', delim = '|', header = true);

CREATE TABLE supplier AS
SELECT row_number() OVER (ORDER BY s_suppkey)::INTEGER AS supplier_key, *
FROM read_csv('{sources}/supplier.tbl', delim = '|', header = true);

CREATE TABLE part AS
SELECT row_number() OVER (ORDER BY p_mfgr, p_brand, p_name, p_partkey)::INTEGER AS part_key, *
FROM read_csv('{sources}/part.tbl', delim = '|', header = true);

COPY (FROM read_csv('{sources}/region.tbl', delim = '|', header = true)) TO '{out}/region.parquet' (FORMAT parquet, COMPRESSION lz4_raw);
COPY (FROM read_csv('{sources}/nation.tbl', delim = '|', header = true)) TO '{out}/nation.parquet' (FORMAT parquet, COMPRESSION lz4_raw);
COPY (FROM customer ORDER BY customer_key) TO '{out}/customer.parquet' (FORMAT parquet, COMPRESSION lz4_raw);
COPY (FROM supplier ORDER BY supplier_key) TO '{out}/supplier.parquet' (FORMAT parquet, COMPRESSION lz4_raw);
COPY (FROM part ORDER BY part_key) TO '{out}/part.parquet' (FORMAT parquet, COMPRESSION lz4_raw);

COPY (
    SELECT part_key, supplier_key, ps.*
    FROM read_csv('{sources}/partsupp.tbl', delim = '|', header = true) ps
    JOIN part ON p_partkey = ps_partkey
    JOIN supplier ON s_suppkey = ps_suppkey
    ORDER BY ps_partkey, ps_suppkey
) TO '{out}/partsupp.parquet' (FORMAT parquet, COMPRESSION lz4_raw);

COPY (
    SELECT year(o_orderdate) * 10000 + month(o_orderdate) * 100 + day(o_orderdate) AS ordered_key,
           customer_key, o.*, year(o_orderdate) * 100 + month(o_orderdate) AS partition_month
    FROM read_csv('{sources}/orders_*.tbl', delim = '|', header = true) o
    JOIN customer ON c_custkey = o_custkey
    ORDER BY partition_month, o_orderkey
) TO '{out}/orders' (FORMAT parquet, PARTITION_BY partition_month, COMPRESSION lz4_raw);

COPY (
    SELECT year(l_shipdate) * 10000 + month(l_shipdate) * 100 + day(l_shipdate) AS shipped_key,
           part_key, supplier_key, l.*, year(l_shipdate) * 100 + month(l_shipdate) AS partition_month
    FROM read_csv('{sources}/lineitem_*.tbl', delim = '|', header = true) l
    JOIN part ON p_partkey = l_partkey
    JOIN supplier ON s_suppkey = l_suppkey
    ORDER BY partition_month, l_orderkey, l_linenumber
) TO '{out}/lineitem' (FORMAT parquet, PARTITION_BY partition_month, COMPRESSION lz4_raw);
