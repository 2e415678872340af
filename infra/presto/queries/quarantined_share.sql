-- Which share of each day's records are rejects? By the stream's counts, newest day first.
-- :rows  how many days, or ALL (default: 20)
SELECT ingest_date, records, rejects AS quarantined,
    round(CAST(rejects AS double) / records, 6) AS quarantined_share
FROM postgresql.public.stream_days
ORDER BY ingest_date DESC
LIMIT :rows
