-- Customer distribution: how many have so many orders. The members "unknown" and "not applicable",
-- whose numbers are below 0, are no customers.
SELECT c_count, count(*) AS custdist
FROM (
    SELECT c_custkey, count(o_orderkey) AS c_count
    FROM warehouse.dim_customer
    LEFT OUTER JOIN warehouse.fact_orders
      ON c_custkey = o_custkey AND o_comment NOT LIKE '%special%requests%'
    WHERE c_custkey > 0
    GROUP BY c_custkey
) AS c_orders
GROUP BY c_count
ORDER BY custdist DESC, c_count DESC
