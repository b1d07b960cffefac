-- What `starhouse etl run` makes, by DuckDB: dimensions with keys in the order of their hierarchy,
-- the fact with its keys looked up, partitioned by month and sorted. Types are given, those that
-- Starhouse stores, so that nothing is guessed; months are sorted by two keys, where Starhouse lays
-- rows along a curve through three.
CREATE TABLE customer AS
SELECT row_number() OVER (ORDER BY region, nation, city, number)::INTEGER AS customer_key, *
FROM read_csv('{sources}/customer.tbl', delim = '|', header = true, auto_detect = false, columns = {
    number: 'INTEGER', name: 'VARCHAR', address: 'VARCHAR', city: 'VARCHAR', nation: 'VARCHAR',
    region: 'VARCHAR', phone: 'VARCHAR', segment: 'VARCHAR'});

CREATE TABLE supplier AS
SELECT row_number() OVER (ORDER BY region, nation, city, number)::INTEGER AS supplier_key, *
FROM read_csv('{sources}/supplier.tbl', delim = '|', header = true, auto_detect = false, columns = {
    number: 'INTEGER', name: 'VARCHAR', address: 'VARCHAR', city: 'VARCHAR', nation: 'VARCHAR',
    region: 'VARCHAR', phone: 'VARCHAR'});

CREATE TABLE part AS
SELECT row_number() OVER (ORDER BY manufacturer, category, brand, number)::INTEGER AS part_key, *
FROM read_csv('{sources}/part.tbl', delim = '|', header = true, auto_detect = false, columns = {
    number: 'INTEGER', name: 'VARCHAR', manufacturer: 'VARCHAR', category: 'VARCHAR',
    brand: 'VARCHAR', color: 'VARCHAR', type: 'VARCHAR', size: 'SMALLINT', container: 'VARCHAR'});

COPY (FROM customer ORDER BY customer_key) TO '{out}/customer.parquet' (FORMAT parquet, COMPRESSION lz4_raw);
COPY (FROM supplier ORDER BY supplier_key) TO '{out}/supplier.parquet' (FORMAT parquet, COMPRESSION lz4_raw);
COPY (FROM part ORDER BY part_key) TO '{out}/part.parquet' (FORMAT parquet, COMPRESSION lz4_raw);

COPY (
    SELECT (year(l.date) * 10000 + month(l.date) * 100 + day(l.date))::INTEGER AS date_key,
           customer_key, supplier_key, part_key, l."order", line, quantity, discount, priority,
           ship_priority, mode, price, total, revenue, cost, tax, committed,
           (year(l.date) * 100 + month(l.date))::INTEGER AS partition_month
    FROM read_csv('{sources}/lineorder_*.tbl', delim = '|', header = true, auto_detect = false, columns = {
        "order": 'INTEGER', line: 'SMALLINT', customer: 'INTEGER', part: 'INTEGER',
        supplier: 'INTEGER', date: 'DATE', priority: 'VARCHAR', ship_priority: 'VARCHAR',
        quantity: 'SMALLINT', price: 'INTEGER', total: 'INTEGER', discount: 'SMALLINT',
        revenue: 'INTEGER', cost: 'INTEGER', tax: 'SMALLINT', committed: 'DATE', mode: 'VARCHAR'}) l
    JOIN customer c ON c.number = l.customer
    JOIN supplier s ON s.number = l.supplier
    JOIN part p ON p.number = l.part
    ORDER BY partition_month, supplier_key, date_key
) TO '{out}/lineorder' (FORMAT parquet, PARTITION_BY partition_month, COMPRESSION lz4_raw);
