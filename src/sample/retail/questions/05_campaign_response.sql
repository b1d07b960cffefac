SELECT channel_name, MEASURE(contacts) AS contacts, MEASURE(responses) AS responses,
       MEASURE(response_rate) AS response_rate, MEASURE(spend) AS spend, MEASURE(response_revenue) AS response_revenue,
       MEASURE(return_on_spend) AS return_on_spend, MEASURE(target_responses) AS target_responses,
       MEASURE(target_attainment) AS target_attainment
FROM cubes.marketing
WHERE year = 2025
GROUP BY channel_name
ORDER BY channel_name
