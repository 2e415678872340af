"""Landing copies Kafka's records to S3, unchanged, and records which offsets are safe there (the ledger). It also finds
the days that need a run: those with new records, and those with a rerun request. It may import `stores`, `pins` and
`settings`, but neither Dagster nor `stream`.
"""
