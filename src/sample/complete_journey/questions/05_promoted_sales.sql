SELECT department, promotion, GROUPING(department) AS department_is_total,
       GROUPING(promotion) AS promotion_is_total, MEASURE(sales) AS sales, MEASURE(units) AS units,
       MEASURE(lines) AS lines
FROM cubes.sales
GROUP BY ROLLUP (department, promotion)
ORDER BY GROUPING(department), department NULLS LAST, GROUPING(promotion), promotion NULLS LAST
