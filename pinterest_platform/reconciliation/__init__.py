"""Reconciliation compares all stores of a day offset by offset, and the rows of batch and stream. Each store is read
again; nothing relies on what a run reported. It may import every package of the platform except `defs`, but not
Dagster.
"""
