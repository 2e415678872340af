"""Reads Parquet files in S3 without Spark, in milliseconds instead of the seconds of a Spark job.

Rows are read in batches, so memory is bounded regardless of the size of a day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from pinterest_platform.settings import Settings
from pinterest_platform.stores.s3 import s3_unavailable

BATCH_ROWS = 65_536
_AWAY = re.compile(r"AWS Error (NETWORK_CONNECTION|SERVICE_UNAVAILABLE|ACCESS_DENIED|INTERNAL_FAILURE)")


class NoParquetError(Exception):
    """There are no Parquet files to read."""


def count_rows(settings: Settings, keys: Sequence[str]) -> int:
    """The number of rows in these files, 0 without files. Reads only footers."""
    with _in_words(settings):
        files = _open(settings, keys)
        return int(files.count_rows()) if files is not None else 0


def read_batches(
    settings: Settings,
    keys: Sequence[str],
    columns: Sequence[str] | None = None,
    added: Sequence[tuple[int, Any]] = (),
) -> Iterator[Any]:
    """The rows of these files as pyarrow record batches of at most `BATCH_ROWS` rows.

    The first batch is empty, so that the types are known even without rows.

    Args:
        settings: of S3.
        keys: of the files.
        columns: the columns to read; by default all of them.
        added: columns that older files lack, as (position, pyarrow field). Read as null from such files.

    Raises:
        NoParquetError: there are no files.
        FileNotFoundError: the slice was replaced meanwhile, and the files were deleted.
        S3UnavailableError: S3 cannot be reached.
    """
    with _in_words(settings):
        files = _open(settings, keys)
        if files is None:
            raise NoParquetError("There are no Parquet files: the day was never cleaned. Materialise clean_pins of it.")
        if added:
            files = files.replace_schema(with_added(files.schema, added))
        scanner = files.scanner(columns=None if columns is None else list(columns), batch_size=BATCH_ROWS)
        yield _empty(scanner.projected_schema)
        yield from scanner.to_batches()


def first_rows(settings: Settings, keys: Sequence[str], size: int) -> Any | None:
    """At most `size` rows of these files as a pyarrow table; None without files."""
    with _in_words(settings):
        files = _open(settings, keys)
        return files.head(size) if files is not None else None


def with_added(schema: Any, added: Sequence[tuple[int, Any]]) -> Any:
    """The pyarrow schema with the added columns, (position, pyarrow field), that it lacks, each at its position."""
    for place, column in sorted(added, key=lambda each: each[0]):
        if column.name not in schema.names:
            schema = schema.insert(min(place, len(schema)), column)
    return schema


@contextmanager
def _in_words(settings: Settings) -> Iterator[None]:
    """Turns pyarrow's message about an unavailable server into an exception. Missing or broken files pass through."""
    try:
        yield
    except OSError as error:
        away = _AWAY.search(str(error))
        if not away:
            raise
        raise s3_unavailable(settings.s3_endpoint_url, away[1]) from error


def _empty(schema: Any) -> Any:
    import pyarrow

    return pyarrow.RecordBatch.from_pylist([], schema=schema)


def _open(settings: Settings, keys: Sequence[str]) -> Any | None:
    """The files as one pyarrow dataset; None without files."""
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
    return dataset.dataset(paths, filesystem=store, format="parquet") if paths else None
