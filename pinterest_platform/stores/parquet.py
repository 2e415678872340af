"""Parquet files in S3, counted without Spark: only their footers are read."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from pinterest_platform.settings import Settings


def count_rows(settings: Settings, keys: Sequence[str]) -> int:
    """How many rows these Parquet files have; 0 where there are none."""
    from pyarrow import dataset, fs

    endpoint = urlsplit(settings.s3_endpoint_url or "")
    secret = settings.s3_secret_key
    store = fs.S3FileSystem(
        access_key=settings.s3_access_key,
        secret_key=secret.get_secret_value() if secret else None,
        region=settings.s3_region,
        endpoint_override=endpoint.netloc or None,
        scheme=endpoint.scheme or "https",
    )
    paths = [f"{settings.s3_bucket}/{key}" for key in keys]
    return int(dataset.dataset(paths, filesystem=store, format="parquet").count_rows()) if paths else 0
