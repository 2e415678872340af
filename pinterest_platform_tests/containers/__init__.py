"""The containers of infra/compose.yaml, built, started and handled as an operator does. They need a Docker daemon."""
