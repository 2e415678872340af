-- Which category has the most posts of a day? Categories with as many posts share the first place.
-- :day  such as 2026-11-16; today (UTC) unless given
SELECT category, posts, distinct_pins, distinct_posters
FROM cassandra.pinterest_data.category_popularity
WHERE period_kind = 'day' AND period = :day AND rank = 1
ORDER BY category
