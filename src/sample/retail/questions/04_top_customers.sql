SELECT source_system, customer_id, customer_name, MEASURE(revenue) AS revenue, MEASURE(receipts) AS receipts,
       MEASURE(average_receipt) AS average_receipt
FROM cubes.sales
WHERE year = 2024 AND source_system IN ('CRM', 'CN')
GROUP BY source_system, customer_id, customer_name
ORDER BY revenue DESC, source_system, customer_id, customer_name
LIMIT 10
