"""The dashboards as code: `python -m infra.grafana` writes them to `infra/grafana/dashboards`, a file each.

Belongs here: what each dashboard shows. The files are committed, so that Grafana and the page need no Python; a test
writes them anew and compares. Does not belong here: recording rules, which other readers want too (`infra/prometheus`).
"""
