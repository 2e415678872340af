"""What the containers of `infra/compose.yaml` run: the local stack's servers, configured and started alike."""
