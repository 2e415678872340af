"""Which of two records came later: the one order behind "newest" and "earliest".

It is the order of time, then of offset, then of partition. Within a millisecond, offsets of different partitions have
no order of their own; what counts is that every reader decides alike. The newest version of a pin, the newest post of
a profile and the earliest copy of an event all go by it.

Spark, NumPy and the stream's SQL take the columns from here. Released migrations and the saved queries of Presto are
frozen text; a test holds them to the same order.
"""

from __future__ import annotations

ORDER = ("ingested_at", "kafka_offset", "kafka_partition")
