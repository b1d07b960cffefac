SELECT device, MEASURE(visits) AS visits, MEASURE(visits_with_product) AS visits_with_product,
       MEASURE(visits_with_cart) AS visits_with_cart, MEASURE(orders) AS orders,
       MEASURE(conversion) AS conversion, MEASURE(pages_per_visit) AS pages_per_visit
FROM cubes.visits
WHERE year = 2025
GROUP BY device
ORDER BY device
