"""Checks of `pinterest_batch`: that every record of a day is somewhere, and that both paths agree about the day.

Belongs here: what Dagster is told. They wait for different servers, so that one step runs them side by side.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from pinterest_platform.assets.asked_for import ACCOUNT_CHECK
from pinterest_platform.assets.pinterest_batch import pinterest_batch
from pinterest_platform.assets.slices import DAILY
from pinterest_platform.checks.account import account_findings
from pinterest_platform.checks.parity import layers_findings, rows_findings
from pinterest_platform.checks.refused import refused_findings
from pinterest_platform.checks.verdict import verdicts
from pinterest_platform.settings import Settings

_ACCOUNT = dg.AssetCheckSpec(
    ACCOUNT_CHECK,
    asset=pinterest_batch,
    blocking=True,
    partitions_def=DAILY,
    description="Kafka = raw = clean + quarantined + superseded + repeated, clean = Cassandra + refused by it, "
    "Kafka = stream + rejects + duplicates. Compared offset by offset, each store read anew. What is missing is named: "
    "store, partition, first offsets, count.",
)
_LAYERS = dg.AssetCheckSpec(
    "both_layers_answer_the_same",
    asset=pinterest_batch,
    partitions_def=DAILY,
    description="For a closed day, the lambda view from the stream equals the one from the batch. Asked in SQL, of "
    "Presto.",
)
_ROWS = dg.AssetCheckSpec(
    "the_stream_has_the_same_rows",
    asset=pinterest_batch,
    partitions_def=DAILY,
    description="Every clean row of a closed day stands in `pinterest_stream` with the same values, and no other does.",
)
_REFUSED = dg.AssetCheckSpec(
    "cassandra_took_every_row",
    asset=pinterest_batch,
    partitions_def=DAILY,
    description="No clean pin was refused by Cassandra. One that was is named, with Cassandra's words; the rest of the "
    "day is served, and the row is in `pinterest_batch_rejects`.",
)


@dg.multi_asset_check(specs=[_ACCOUNT, _LAYERS, _ROWS, _REFUSED], can_subset=True)
def pinterest_batch_is_whole(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> Iterator[dg.AssetCheckResult]:
    """The account is busy itself, the layers are compared by Presto, the rows by PostgreSQL."""
    now = datetime.now(UTC)
    yield from verdicts(
        context,
        {
            _ACCOUNT.name: lambda days: account_findings(settings, days),
            _LAYERS.name: lambda days: layers_findings(settings, days, now),
            _ROWS.name: lambda days: rows_findings(settings, days, now),
            _REFUSED.name: lambda days: refused_findings(settings, days),
        },
    )
