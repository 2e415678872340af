"""Creates the pools of Dagster's steps before the first run.

Dagster creates a pool when a step first uses it. If two runs do so at the same time in PostgreSQL, one fails: its
insert is refused, and then the update in the same transaction too. The pools' limit is in `infra/dagster/dagster.yaml`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from infra.local_stack.environment import python_environment
from infra.local_stack.place import Place

_ASSETS = Path(__file__).resolve().parents[2] / "pinterest_platform" / "defs"


def make_pools(place: Place) -> None:
    """Creates every pool of the definitions: once per state folder, and again when the assets' code has changed."""
    done = place.state / "dagster" / "pools"
    changed = max(file.stat().st_mtime for file in _ASSETS.rglob("*.py"))
    if not done.exists() or done.stat().st_mtime < changed:
        subprocess.run([sys.executable, "-m", __name__], env=python_environment(place), check=True, capture_output=True)
        done.touch()


def initialise() -> None:
    """Creates the pools. Runs in a separate process, with DAGSTER_HOME set."""
    from dagster import DagsterInstance

    from pinterest_platform.definitions import defs

    pools = {assets.op.pool for assets in defs.resolve_asset_graph().assets_defs if assets.is_executable}
    with DagsterInstance.get() as instance:
        for pool in sorted(filter(None, pools)):
            instance.event_log_storage.initialize_concurrency_limit_to_default(pool)


if __name__ == "__main__":
    initialise()
