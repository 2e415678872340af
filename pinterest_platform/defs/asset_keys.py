"""Asset keys that jobs, checks and sensors refer to."""

import dagster as dg

TOPIC = dg.AssetKey("Pinterest_data")
CLEAN = dg.AssetKey("clean_pins")
QUARANTINED = dg.AssetKey("quarantined_pins")
STREAM = dg.AssetKey("pinterest_stream")
PROFILES = dg.AssetKey("profile_popularity")
