SELECT store_name, store_city, MEASURE(revenue) AS revenue, MEASURE(pieces) AS pieces,
       MEASURE(margin_rate) AS margin_rate
FROM cubes.sales
WHERE year = 2024 AND channel_name = 'Store'
GROUP BY store_name, store_city
ORDER BY revenue DESC, store_name, store_city
LIMIT 5
