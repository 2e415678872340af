"""What Dagster and the stream do, as figures for Prometheus: neither has a `/metrics` of its own.

Belongs here: reading Dagster's GraphQL API and the stream's tables at each scrape. Nothing is written anywhere, nothing
is kept but counters, and while a source is away the others are shown and `platform_source_up` says which.
Does not belong here: what is too much or too old (`infra/prometheus/rules`).

`dagster-prometheus` is no exporter: it is a resource with which a step pushes figures of its own.
"""
