"""The benchmarks: each measures the platform, or breaks it and checks that nothing is lost. `report` makes the page."""
