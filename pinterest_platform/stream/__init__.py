"""The stream: one Spark query from Kafka to PostgreSQL that commits each micro-batch together with its offsets.
`loop.run_stream` runs it. It may import `stores`, `pins` and `settings`, but neither Dagster nor `landing`.
"""
