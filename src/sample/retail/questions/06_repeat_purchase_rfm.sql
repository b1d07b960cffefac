SELECT rfm_segment, MEASURE(customers) AS customers, MEASURE(customers_repeating) AS customers_repeating,
       MEASURE(repeat_rate) AS repeat_rate, MEASURE(revenue) AS revenue
FROM cubes.customers
WHERE year = 2025
GROUP BY rfm_segment
ORDER BY rfm_segment
