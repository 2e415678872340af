"""Clean slices: a day's raw records become Parquet of clean pins, of quarantined records and of event ids, and a
manifest says which files count. The rules of single records are in `pins`. It may import `landing`, `stores`, `pins`
and `settings`, but not Dagster.
"""
