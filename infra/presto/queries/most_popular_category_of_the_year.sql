-- Which category has the most posts of a year? With equal counts there are several.
-- :year  for example 2026 (default: this year)
SELECT category, posts, distinct_pins, distinct_posters
FROM cassandra.pinterest_data.category_popularity
WHERE period_kind = 'year' AND period = :year AND rank = 1
ORDER BY category
