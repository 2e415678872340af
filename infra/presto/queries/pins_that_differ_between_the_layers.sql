-- Which pins of closed days differ between batch and stream? If there are any, a check fails.
-- :days  for example 2026-11-15,2026-11-16 (default: today, UTC)
-- :categories  of these days, from pinterest_batch_categories
-- :rows  how many, or ALL (default: 20)
WITH both_layers AS (
    SELECT 'batch' AS layer, :pin_fields, event_id, ingested_at, kafka_partition, kafka_offset
    FROM cassandra.pinterest_data.pinterest_batch
    WHERE ingest_date IN DATE :days AND category IN :categories
    UNION ALL
    SELECT 'stream' AS layer, :pin_fields, event_id, ingested_at, kafka_partition, kafka_offset
    FROM postgresql.public.pinterest_stream_slices
    WHERE ingest_date IN DATE :days
),
digested AS (
    -- A few bytes per row, so that a day with millions of rows fits into memory.
    SELECT layer, unique_id, kafka_partition, kafka_offset, xxhash64(to_utf8(json_format(CAST(ARRAY[
        :pin_texts, event_id, CAST(ingested_at AS varchar)
    ] AS json)))) AS content
    FROM both_layers
)
SELECT min(layer) AS layer, unique_id, kafka_partition, kafka_offset, count(*) OVER () AS different
FROM digested
GROUP BY unique_id, kafka_partition, kafka_offset, content
HAVING count(*) = 1
ORDER BY unique_id, layer
LIMIT :rows
