"""The ingest API: posted pins come in over HTTP and are answered once Kafka holds them."""
