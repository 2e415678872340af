-- Which category has the most posts of a month? Categories with as many posts share the first place.
-- :month  such as 2026-11; this month unless given
SELECT category, posts, distinct_pins, distinct_posters
FROM cassandra.pinterest_data.category_popularity
WHERE period_kind = 'month' AND period = :month AND rank = 1
ORDER BY category
