-- What `starhouse etl run` makes, by DuckDB: dimensions with keys in the order of their hierarchy,
-- facts with their keys looked up, partitioned by month and sorted. Types are given, those that
-- Starhouse stores, so that nothing is guessed.
CREATE TABLE customer AS
SELECT row_number() OVER (ORDER BY c_custkey)::INTEGER AS customer_key, *
FROM read_csv('{sources}/customer.tbl', delim = '|', header = true, auto_detect = false, columns = {
    c_custkey: 'INTEGER', c_name: 'VARCHAR', c_address: 'VARCHAR', c_nationkey: 'INTEGER',
    c_phone: 'VARCHAR', c_acctbal: 'DECIMAL(15,2)', c_mktsegment: 'VARCHAR', c_comment: 'VARCHAR'});

CREATE TABLE supplier AS
SELECT row_number() OVER (ORDER BY s_suppkey)::INTEGER AS supplier_key, *
FROM read_csv('{sources}/supplier.tbl', delim = '|', header = true, auto_detect = false, columns = {
    s_suppkey: 'INTEGER', s_name: 'VARCHAR', s_address: 'VARCHAR', s_nationkey: 'INTEGER',
    s_phone: 'VARCHAR', s_acctbal: 'DECIMAL(15,2)', s_comment: 'VARCHAR'});

CREATE TABLE part AS
SELECT row_number() OVER (ORDER BY p_mfgr, p_brand, p_name, p_partkey)::INTEGER AS part_key, *
FROM read_csv('{sources}/part.tbl', delim = '|', header = true, auto_detect = false, columns = {
    p_partkey: 'INTEGER', p_name: 'VARCHAR', p_mfgr: 'VARCHAR', p_brand: 'VARCHAR',
    p_type: 'VARCHAR', p_size: 'INTEGER', p_container: 'VARCHAR', p_retailprice: 'DECIMAL(15,2)',
    p_comment: 'VARCHAR'});

COPY (FROM read_csv('{sources}/region.tbl', delim = '|', header = true, auto_detect = false, columns = {
    r_regionkey: 'INTEGER', r_name: 'VARCHAR', r_comment: 'VARCHAR'}))
TO '{out}/region.parquet' (FORMAT parquet, COMPRESSION lz4_raw);
COPY (FROM read_csv('{sources}/nation.tbl', delim = '|', header = true, auto_detect = false, columns = {
    n_nationkey: 'INTEGER', n_name: 'VARCHAR', n_regionkey: 'INTEGER', n_comment: 'VARCHAR'}))
TO '{out}/nation.parquet' (FORMAT parquet, COMPRESSION lz4_raw);
COPY (FROM customer ORDER BY customer_key) TO '{out}/customer.parquet' (FORMAT parquet, COMPRESSION lz4_raw);
COPY (FROM supplier ORDER BY supplier_key) TO '{out}/supplier.parquet' (FORMAT parquet, COMPRESSION lz4_raw);
COPY (FROM part ORDER BY part_key) TO '{out}/part.parquet' (FORMAT parquet, COMPRESSION lz4_raw);

COPY (
    SELECT part_key, supplier_key, ps.*
    FROM read_csv('{sources}/partsupp.tbl', delim = '|', header = true, auto_detect = false, columns = {
        ps_partkey: 'INTEGER', ps_suppkey: 'INTEGER', ps_availqty: 'INTEGER',
        ps_supplycost: 'DECIMAL(15,2)', ps_comment: 'VARCHAR'}) ps
    JOIN part ON p_partkey = ps_partkey
    JOIN supplier ON s_suppkey = ps_suppkey
    ORDER BY ps_partkey, ps_suppkey
) TO '{out}/partsupp.parquet' (FORMAT parquet, COMPRESSION lz4_raw);

COPY (
    SELECT (year(o_orderdate) * 10000 + month(o_orderdate) * 100 + day(o_orderdate))::INTEGER AS ordered_key,
           customer_key, o.*,
           (year(o_orderdate) * 100 + month(o_orderdate))::INTEGER AS partition_month
    FROM read_csv('{sources}/orders_*.tbl', delim = '|', header = true, auto_detect = false, columns = {
        o_orderkey: 'INTEGER', o_custkey: 'INTEGER', o_orderstatus: 'VARCHAR',
        o_totalprice: 'DECIMAL(15,2)', o_orderdate: 'DATE', o_orderpriority: 'VARCHAR',
        o_clerk: 'VARCHAR', o_shippriority: 'INTEGER', o_comment: 'VARCHAR'}) o
    JOIN customer ON c_custkey = o_custkey
    ORDER BY partition_month, o_orderkey
) TO '{out}/orders' (FORMAT parquet, PARTITION_BY partition_month, COMPRESSION lz4_raw);

COPY (
    SELECT (year(l_shipdate) * 10000 + month(l_shipdate) * 100 + day(l_shipdate))::INTEGER AS shipped_key,
           part_key, supplier_key, l.*,
           (year(l_shipdate) * 100 + month(l_shipdate))::INTEGER AS partition_month
    FROM read_csv('{sources}/lineitem_*.tbl', delim = '|', header = true, auto_detect = false, columns = {
        l_orderkey: 'INTEGER', l_partkey: 'INTEGER', l_suppkey: 'INTEGER', l_linenumber: 'INTEGER',
        l_quantity: 'DECIMAL(15,2)', l_extendedprice: 'DECIMAL(15,2)', l_discount: 'DECIMAL(15,2)',
        l_tax: 'DECIMAL(15,2)', l_returnflag: 'VARCHAR', l_linestatus: 'VARCHAR',
        l_shipdate: 'DATE', l_commitdate: 'DATE', l_receiptdate: 'DATE', l_shipinstruct: 'VARCHAR',
        l_shipmode: 'VARCHAR', l_comment: 'VARCHAR'}) l
    JOIN part ON p_partkey = l_partkey
    JOIN supplier ON s_suppkey = l_suppkey
    ORDER BY partition_month, l_orderkey, l_linenumber
) TO '{out}/lineitem' (FORMAT parquet, PARTITION_BY partition_month, COMPRESSION lz4_raw);
