"""The domain: the event contract, cleaning rules, repeats, and the calendar of days. Pure functions and Spark
expressions without I/O. It imports no other package of the platform; the ingest API imports it too.
"""
