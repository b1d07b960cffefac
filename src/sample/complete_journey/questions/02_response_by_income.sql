SELECT income, MEASURE(households_reached) AS households_reached,
       MEASURE(households_redeeming) AS households_redeeming, MEASURE(response_rate) AS response_rate
FROM cubes.campaigns
GROUP BY income
ORDER BY income NULLS LAST
