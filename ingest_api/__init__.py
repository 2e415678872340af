"""The ingest API: accepts posted pins over HTTP and answers once Kafka has acknowledged them."""
