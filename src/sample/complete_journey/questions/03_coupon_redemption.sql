SELECT campaign_type, campaign_id, MEASURE(coupons_offered) AS coupons_offered,
       MEASURE(coupons_redeemed) AS coupons_redeemed, MEASURE(redemptions) AS redemptions,
       MEASURE(coupon_use_rate) AS coupon_use_rate
FROM cubes.campaigns
GROUP BY campaign_type, campaign_id
ORDER BY campaign_type, campaign_id
