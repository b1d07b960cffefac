-- Small-quantity orders: what a year would lose without the small ones, of a brand and container.
SELECT sum(l_extendedprice) / 7.0 AS avg_yearly
FROM warehouse.fact_lineitem, warehouse.dim_part
WHERE p_partkey = l_partkey
  AND p_brand = 'Brand#23'
  AND p_container = 'MED BOX'
  AND l_quantity < (
      SELECT 0.2 * avg(l_quantity) FROM warehouse.fact_lineitem WHERE l_partkey = p_partkey
  )
