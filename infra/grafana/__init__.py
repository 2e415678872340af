"""The dashboards as code: `python -m infra.grafana` writes one JSON file each to `infra/grafana/dashboards`.

The files are committed, so that Grafana and the page need no Python; a test checks that they match the code.
"""
