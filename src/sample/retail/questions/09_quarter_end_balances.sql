SELECT quarter, MEASURE(balance_owed) AS balance_owed, MEASURE(limit_granted) AS limit_granted,
       MEASURE(limit_used) AS limit_used
FROM cubes.balances
GROUP BY quarter
ORDER BY quarter
