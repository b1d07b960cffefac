SELECT defaulted_year, defaulted_quarter, MEASURE(loans_defaulted) AS loans_defaulted,
       MEASURE(defaulted_principal) AS defaulted_principal, MEASURE(default_loss) AS default_loss,
       MEASURE(loss_rate) AS loss_rate
FROM cubes.lending
WHERE defaulted_year BETWEEN 2024 AND 2025
GROUP BY defaulted_year, defaulted_quarter
ORDER BY defaulted_year, defaulted_quarter
