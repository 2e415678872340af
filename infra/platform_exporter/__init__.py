"""The platform's Prometheus exporter: metrics of Dagster and the stream, which have no `/metrics` of their own.

At each scrape it reads Dagster's GraphQL API and the stream's tables. It writes nothing and keeps only counters. If a
source is unavailable, `platform_source_up` says so and the other sources are still exported.

`dagster-prometheus` does not do this: it is a resource with which steps push their own metrics.
"""
