-- Which pins of a category were posted on a day? Most followers first, from one Cassandra partition.
-- :category  for example art
-- :day  for example 2026-11-16 (default: today, UTC)
-- :rows  how many, or ALL (default: 20)
SELECT unique_id, title, poster_name, follower_count, ingested_at
FROM cassandra.pinterest_data.pinterest_batch
WHERE ingest_date = DATE :day AND category = :category
ORDER BY follower_count DESC NULLS LAST, unique_id
LIMIT :rows
