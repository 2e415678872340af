"""The pin platform as one Dagster asset graph: Kafka to S3, Cassandra and PostgreSQL. See `definitions`."""
