"""The check of `misdated_records`: that each of them is in S3, in quarantine, and a reject of the stream."""

import dagster as dg

from pinterest_platform.assets.misdated_records import misdated_records
from pinterest_platform.batch.slice_files import newest_note, settled_marks
from pinterest_platform.checks.account import account_findings
from pinterest_platform.checks.verdict import result
from pinterest_platform.pins.days import MISDATED_DAY
from pinterest_platform.settings import Settings
from pinterest_platform.stores.s3 import open_bucket


@dg.asset_check(asset=misdated_records, blocking=True)
def every_misdated_record_is_accounted_for(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """Kafka = raw = quarantined, Kafka = rejects of the stream, as far as they have landed.

    What has asked for them is done when this has passed: then the marks are taken away that their cleaning had listed.
    """
    bucket = open_bucket(settings)
    note = newest_note(bucket, MISDATED_DAY)
    finding = account_findings(settings, [MISDATED_DAY])[MISDATED_DAY]
    if note and finding.problem is None and newest_note(bucket, MISDATED_DAY) == note:
        bucket.delete(settled_marks(bucket, note))
    return result(finding)
