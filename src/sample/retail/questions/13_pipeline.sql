SELECT opened_quarter, MEASURE(opportunities) AS opportunities, MEASURE(qualified_count) AS qualified_count,
       MEASURE(offers) AS offers, MEASURE(wins) AS wins, MEASURE(losses) AS losses, MEASURE(win_rate) AS win_rate,
       MEASURE(amount_won) AS amount_won, MEASURE(amount_open) AS amount_open, MEASURE(days_to_win) AS days_to_win
FROM cubes.pipeline
GROUP BY opened_quarter
ORDER BY opened_quarter
