SELECT channel_name, MEASURE(tickets) AS tickets, MEASURE(tickets_resolved) AS tickets_resolved,
       MEASURE(tickets_open) AS tickets_open, MEASURE(hours_to_resolve) AS hours_to_resolve,
       MEASURE(longest_hours) AS longest_hours, MEASURE(mark) AS mark
FROM cubes.service
WHERE opened_year = 2025
GROUP BY channel_name
ORDER BY channel_name
