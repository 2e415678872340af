-- How did the follower count of a pin's poster grow from day to day? By the last post of each day, compared with the
-- previous count. Reads both layers in full, because neither is ordered by pin.
-- :unique_id  of the pin
WITH posts AS (
    SELECT ingest_date, ingested_at, kafka_offset, kafka_partition, poster_name, follower_count
    FROM cassandra.pinterest_data.pinterest_batch
    WHERE unique_id = :unique_id
    UNION ALL
    SELECT ingest_date, ingested_at, kafka_offset, kafka_partition, poster_name, follower_count
    FROM postgresql.public.pinterest_stream_slices
    WHERE unique_id = :unique_id
),
versions AS (
    SELECT *, row_number() OVER (
        PARTITION BY ingest_date ORDER BY ingested_at DESC, kafka_offset DESC, kafka_partition DESC
    ) AS version
    FROM posts
)
SELECT ingest_date, poster_name, follower_count,
    follower_count - lag(follower_count) IGNORE NULLS OVER (ORDER BY ingest_date) AS growth
FROM versions
WHERE version = 1
ORDER BY ingest_date
