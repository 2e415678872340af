"""Serving: the Cassandra tables that applications read, `pinterest_batch` and `category_popularity`, replaced slice by
slice. It may import `clean_slices`, `landing`, `stores`, `pins` and `settings`, but not Dagster.
"""
