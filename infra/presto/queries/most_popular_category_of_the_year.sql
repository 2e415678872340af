-- Which category has the most posts of a year? Categories with as many posts share the first place.
-- :year  such as 2026; this year unless given
SELECT category, posts, distinct_pins, distinct_posters
FROM cassandra.pinterest_data.category_popularity
WHERE period_kind = 'year' AND period = :year AND rank = 1
ORDER BY category
