SELECT department, week_number, MEASURE(sales) AS sales, MEASURE(units) AS units
FROM cubes.sales
GROUP BY department, week_number
ORDER BY department NULLS LAST, week_number
