SELECT cohort_year, MEASURE(customers) AS customers, MEASURE(customers_won) AS customers_won,
       MEASURE(customers_kept) AS customers_kept, MEASURE(customers_lost) AS customers_lost,
       MEASURE(margin) AS margin, MEASURE(margin_per_customer) AS margin_per_customer
FROM cubes.customers
WHERE year = 2025
GROUP BY cohort_year
ORDER BY cohort_year
