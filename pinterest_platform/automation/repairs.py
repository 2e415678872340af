"""Jobs that a person starts to mend a store. They materialise nothing: no asset is newer afterwards.

Belongs here: one job a repair. Does not belong here: how it is done (`stream.profiles`).
"""

import dagster as dg

from pinterest_platform.settings import Settings
from pinterest_platform.stream.profiles import rebuild_profiles


@dg.op
def count_profiles_anew(context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings]) -> None:
    """Count `profile_popularity` anew from `pinterest_stream`. Readers see the old rows until it is done."""
    context.log.info(f"Counted {rebuild_profiles(settings):,} profiles.")


@dg.job(description="Counts profile_popularity anew from pinterest_stream; the stream waits meanwhile.")
def rebuild_profile_popularity() -> None:
    """One step."""
    count_profiles_anew()
