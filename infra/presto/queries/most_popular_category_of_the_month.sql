-- Which category has the most posts of a month? With equal counts there are several.
-- :month  for example 2026-11 (default: this month)
SELECT category, posts, distinct_pins, distinct_posters
FROM cassandra.pinterest_data.category_popularity
WHERE period_kind = 'month' AND period = :month AND rank = 1
ORDER BY category
