-- What is the newest version of every pin? The lambda view, newest first: closed days from the batch, today from the
-- stream. docs/sql.md explains why it is correct at any moment.
-- :rows  how many, or ALL (default: 20)
WITH both_layers AS (
    SELECT unique_id, category, title, poster_name, follower_count, is_image_or_video,
        ingested_at, ingest_date, kafka_offset, kafka_partition, 'batch' AS layer
    FROM cassandra.pinterest_data.pinterest_batch
    UNION ALL
    SELECT unique_id, category, title, poster_name, follower_count, is_image_or_video,
        ingested_at, ingest_date, kafka_offset, kafka_partition, 'stream' AS layer
    FROM postgresql.public.pinterest_stream_newest
),
versions AS (
    SELECT *, row_number() OVER (
        PARTITION BY unique_id
        ORDER BY ingested_at DESC, kafka_offset DESC, kafka_partition DESC,
            -- If both layers have the record: a day is closed an hour after its end.
            (layer = 'batch') = (ingest_date < date(current_timestamp - INTERVAL '1' HOUR)) DESC
    ) AS version
    FROM both_layers
)
SELECT unique_id, category, title, poster_name, follower_count, is_image_or_video, ingested_at, layer
FROM versions
WHERE version = 1
ORDER BY ingested_at DESC, kafka_offset DESC, kafka_partition DESC
LIMIT :rows
