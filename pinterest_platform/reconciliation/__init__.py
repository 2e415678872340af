"""Reconciliation compares all stores of a day offset by offset, and the rows of batch and stream. Each store is read
anew; nothing relies on what a run said it wrote. It may import every package of the platform except `defs`, and not
Dagster.
"""
