"""The pools of Dagster's steps, made before the first run: two runs that make the same one at once fail.

Dagster makes a pool when a step first asks for it, and in PostgreSQL the slower of two does not survive that: its
insert fails, and the update that follows in the same transaction too. Belongs here: making them. Does not belong here:
which step is in which pool, and the limit (`infra/dagster/dagster.yaml`).
"""

from __future__ import annotations

import subprocess
import sys

from infra.local_stack.environment import python_environment
from infra.local_stack.place import Place


def make_pools(place: Place) -> None:
    """Makes every pool of the definitions, unless this was done when the state began."""
    done = place.state / "dagster" / "pools"
    if not done.exists():
        subprocess.run([sys.executable, "-m", __name__], env=python_environment(place), check=True, capture_output=True)
        done.touch()


def initialise() -> None:
    """Runs in a process of its own, with DAGSTER_HOME set."""
    from dagster import DagsterInstance

    from pinterest_platform.definitions import defs

    pools = {assets.op.pool for assets in defs.resolve_asset_graph().assets_defs if assets.is_executable}
    with DagsterInstance.get() as instance:
        for pool in sorted(filter(None, pools)):
            instance.event_log_storage.initialize_concurrency_limit_to_default(pool)


if __name__ == "__main__":
    initialise()
