"""The one-shot services of `infra/compose.yaml`: one writes the servers' configuration files, one creates the tables.

They use the same templates and functions as the local stack.
"""
