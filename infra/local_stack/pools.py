"""Creates the pools of Dagster's steps before the first run.

Dagster creates a pool when a step first uses it. If two runs do so at the same time in PostgreSQL, one fails: its
insert is refused, and then the update in the same transaction too. The pools' limit is in `infra/dagster/dagster.yaml`.
"""

from __future__ import annotations

import subprocess
import sys

from infra.local_stack.environment import python_environment
from infra.local_stack.place import Place


def make_pools(place: Place) -> None:
    """Creates every pool of the definitions, once per state folder."""
    done = place.state / "dagster" / "pools"
    if not done.exists():
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
