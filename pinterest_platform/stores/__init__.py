"""Stores: one module per system (Kafka, S3, Parquet, Spark, Cassandra, PostgreSQL, Presto) with connections, tables,
and errors as sentences. What is read and written is up to the packages above. It may import `pins`, `connections`,
`kafka_refusal` and `settings`, but not Dagster; only `dagster_storage` extends Dagster's own storage.
"""
