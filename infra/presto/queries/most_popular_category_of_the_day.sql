-- Which category has the most posts of a day? With equal counts there are several.
-- :day  for example 2026-11-16 (default: today, UTC)
SELECT category, posts, distinct_pins, distinct_posters
FROM cassandra.pinterest_data.category_popularity
WHERE period_kind = 'day' AND period = :day AND rank = 1
ORDER BY category
