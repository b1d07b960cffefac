SELECT quarter, MEASURE(pieces_in_stock) AS pieces_in_stock, MEASURE(value_in_stock) AS value_in_stock,
       MEASURE(average_value) AS average_value
FROM cubes.stock
GROUP BY quarter
ORDER BY quarter
