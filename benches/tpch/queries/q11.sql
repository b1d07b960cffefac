-- Important stock: the parts that are a good share of what German suppliers hold. The share is
-- one ten-thousandth at scale 1, and less as there are more parts.
SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS value
FROM warehouse.fact_partsupp, warehouse.dim_supplier, warehouse.dim_nation
WHERE ps_suppkey = s_suppkey
  AND s_nationkey = n_nationkey
  AND n_name = 'GERMANY'
GROUP BY ps_partkey
HAVING sum(ps_supplycost * ps_availqty) > (
    SELECT sum(ps_supplycost * ps_availqty) * {fraction}
    FROM warehouse.fact_partsupp, warehouse.dim_supplier, warehouse.dim_nation
    WHERE ps_suppkey = s_suppkey
      AND s_nationkey = n_nationkey
      AND n_name = 'GERMANY'
)
ORDER BY value DESC, ps_partkey
