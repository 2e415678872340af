"""`pinterest_batch` and `category_popularity` in Cassandra, with their checks. The work is done in
`pinterest_platform.serving` and `pinterest_platform.reconciliation`.
"""
