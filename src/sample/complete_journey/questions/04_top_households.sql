SELECT household_id, MEASURE(sales) AS sales, MEASURE(baskets) AS baskets,
       MEASURE(sales_per_basket) AS sales_per_basket
FROM cubes.sales
GROUP BY household_id
ORDER BY sales DESC, household_id
LIMIT 10
