SELECT quarter, MEASURE(revenue) AS revenue, MEASURE(revenue_last_year) AS revenue_last_year,
       MEASURE(revenue_change) AS revenue_change, MEASURE(revenue_growth) AS revenue_growth,
       MEASURE(revenue_share) AS revenue_share
FROM cubes.sales
WHERE year = 2025
GROUP BY quarter
ORDER BY quarter
