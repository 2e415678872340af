"""Everything Dagster loads: assets, checks, jobs, schedules and sensors, in one folder per group. Modules here call the
packages below and turn the results into what Dagster shows. They may import every package of the platform; nothing but
`pinterest_platform.definitions` and `infra` imports them.
"""
