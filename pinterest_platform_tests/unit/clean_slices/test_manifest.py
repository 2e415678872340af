"""Which files belong to a slice, without Spark."""

from __future__ import annotations

import json
from datetime import date

from pinterest_platform.clean_slices.manifest import SliceWriter, quarantine_prefix
from pinterest_platform_tests.support.fakes import FakeBucket

DAY = date(2026, 11, 16)


def test_a_write_has_all_of_its_files_though_its_summary_names_only_some() -> None:
    bucket, folder = FakeBucket(), quarantine_prefix(DAY)
    written = [f"{folder}part-{number:05}-a-b-c-d-e-c000.snappy.parquet" for number in range(130)]
    for key in [*written, f"{folder}part-00000-o-l-d-e-r-c000.snappy.parquet"]:
        bucket.put(key, b"", {})
    bucket.put(f"{folder}_SUCCESS", json.dumps({"filenames": [f"/{key}" for key in written[:100]]}).encode(), {})

    assert SliceWriter(bucket, DAY).files_of_last_write(folder) == written
