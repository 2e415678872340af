"""The Kafka topic and `raw_pins`: the assets, their checks, and the sensors that request runs for new records. The work
is done in `pinterest_platform.landing`.
"""
