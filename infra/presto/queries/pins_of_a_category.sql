-- Which pins of a category were posted on a day? One Cassandra partition, most followers first.
-- :category  such as art
-- :day  such as 2026-11-16; today (UTC) unless given
-- :rows  how many of them, or ALL; 20 unless given
SELECT unique_id, title, poster_name, follower_count, ingested_at
FROM cassandra.pinterest_data.pinterest_batch
WHERE ingest_date = DATE :day AND category = :category
ORDER BY follower_count DESC NULLS LAST, unique_id
LIMIT :rows
