WITH products AS (
  SELECT store_country, region, product_name, MEASURE(revenue) AS revenue, MEASURE(pieces) AS pieces
  FROM cubes.sales
  WHERE channel_name = 'Store'
  GROUP BY store_country, region, product_name
),
ranked AS (
  SELECT *, row_number() OVER (PARTITION BY store_country, region ORDER BY revenue DESC, product_name) AS place
  FROM products
)
SELECT store_country, region, product_name, revenue, pieces
FROM ranked
WHERE place = 1
ORDER BY store_country, region
