-- How did the follower count of a pin's poster grow from day to day? The last post of each day, growth since the last
-- count before it. Both layers are read whole: neither is kept in the order of pins.
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
