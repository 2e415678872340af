"""S3: one bucket, whole objects, listings by prefix."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pinterest_platform.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A put takes less. A writer that holds a lease longer without replacing the object has been killed.
LEASE_SECONDS = 10.0
_POLL_SECONDS = 0.05
_REFUSED, _NOT_FOUND, _CONFLICT, _PRECONDITION_FAILED, _FAILED = 403, 404, 409, 412, 500


@dataclass(frozen=True)
class StoredObject:
    """An object's key, size in bytes and user metadata. `version` changes with its content."""

    key: str
    size: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    version: str = ""


class S3UnavailableError(Exception):
    """S3 cannot be reached, refuses the key, or fails."""


class ObjectStore(Protocol):
    """One bucket, as the batch uses it: whole objects with user metadata."""

    name: str

    def put(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        """Write the whole object. Readers see either the old or the new one."""

    def create(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
        """Write the object unless it exists; returns whether it was written. Of concurrent calls one succeeds."""

    def replace(self, described: StoredObject, body: bytes, metadata: Mapping[str, str]) -> bool:
        """Write the object if it is still as described; returns whether it was written. Of concurrent calls one
        succeeds.
        """

    def get(self, key: str) -> bytes:
        """The whole object."""

    def copy(self, key: str, to: str) -> None:
        """Copy an object of at most 5 GiB within the bucket."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """The objects below the prefix in the order of their keys, without their metadata."""

    def describe(self, key: str) -> StoredObject | None:
        """The object with its metadata; None if it does not exist."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete these objects. A missing one is no error."""


def create_bucket(settings: Settings) -> None:
    """Create the platform's bucket unless it exists."""
    client = _client(settings)
    with _in_words(client):
        names = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        if settings.s3_bucket not in names:
            client.create_bucket(Bucket=settings.s3_bucket)


def open_bucket(settings: Settings) -> Bucket:
    return Bucket(_client(settings), settings.s3_bucket)


def _client(settings: Settings) -> S3Client:
    import boto3  # takes half a second, which a sensor need not pay
    from botocore.config import Config

    secret = settings.s3_secret_key
    client: S3Client = boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint_url or None,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,  # without keys boto3 searches for credentials itself
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        config=Config(
            s3={"addressing_style": "path" if settings.s3_endpoint_url else "auto"},
            # Pauses double from 0.05 s on, so a restarting server is waited for about six seconds.
            retries={"mode": "standard", "max_attempts": 8},
            connect_timeout=5,
            read_timeout=30,
        ),
    )
    return client


def s3_unavailable(endpoint: str | None, reason: str) -> S3UnavailableError:
    return S3UnavailableError(
        f"S3 at {endpoint or 'Amazon'} cannot be used ({reason}): see that it runs (make status), that "
        f"PINTEREST_S3_ENDPOINT_URL names it and that it knows the key, then run the same days again."
    )


@contextmanager
def _in_words(client: S3Client) -> Iterator[None]:
    """Turns errors that are not about an object into a sentence. "Not found" and failed conditions pass through."""
    from botocore import exceptions

    try:
        yield
    except (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.NoCredentialsError) as error:
        raise s3_unavailable(client.meta.endpoint_url, type(error).__name__) from error
    except exceptions.ClientError as error:
        status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        if status != _REFUSED and status < _FAILED and code != "NoSuchBucket":
            raise
        raise s3_unavailable(client.meta.endpoint_url, f"{status} {code}") from error


class Bucket:
    """An `ObjectStore` in S3.

    Every method raises `S3UnavailableError` if S3 cannot be reached, after some seconds of attempts.
    """

    def __init__(self, client: S3Client, name: str) -> None:
        self.name = name
        self._client = client

    def put(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        with _in_words(self._client):
            self._client.put_object(Bucket=self.name, Key=key, Body=body, Metadata=dict(metadata))

    def create(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
        return self._put_if(key, body, metadata, IfNoneMatch="*")

    def replace(self, described: StoredObject, body: bytes, metadata: Mapping[str, str]) -> bool:
        with self._lease(described) as is_mine:
            return is_mine and self._put_if(described.key, body, metadata, IfMatch=described.version)

    def get(self, key: str) -> bytes:
        with _in_words(self._client):
            return self._client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def copy(self, key: str, to: str) -> None:
        with _in_words(self._client):
            self._client.copy_object(Bucket=self.name, Key=to, CopySource={"Bucket": self.name, "Key": key})

    def list(self, prefix: str) -> Iterator[StoredObject]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        with _in_words(self._client):
            for page in pages:
                for item in page.get("Contents", []):
                    yield StoredObject(item["Key"], item["Size"])

    def describe(self, key: str) -> StoredObject | None:
        from botocore.exceptions import ClientError

        try:
            with _in_words(self._client):
                head = self._client.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == _NOT_FOUND:
                return None
            raise
        return StoredObject(key, head["ContentLength"], head["Metadata"], head["ETag"])

    def delete(self, keys: Iterable[str]) -> None:
        with _in_words(self._client):
            for key in list(keys):  # listed first: a listing read while it shrinks may skip keys
                self._client.delete_object(Bucket=self.name, Key=key)

    def _put_if(self, key: str, body: bytes, metadata: Mapping[str, str], **condition: Any) -> bool:
        from botocore.exceptions import ClientError

        try:
            with _in_words(self._client):
                self._client.put_object(Bucket=self.name, Key=key, Body=body, Metadata=dict(metadata), **condition)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (_NOT_FOUND, _CONFLICT, _PRECONDITION_FAILED):
                return False
            raise
        return True

    @contextmanager
    def _lease(self, described: StoredObject) -> Iterator[bool]:
        """The right to replace this version; False if another writer has replaced it meanwhile.

        Amazon's S3 compares and writes atomically. S3Proxy compares first and writes later, so two writers could both
        succeed, and one would lose its lines. But its create is atomic, so the writer that creates the object under
        `claims/` may replace.
        """
        leases = [f"claims/{described.key}@{described.version.strip(chr(34))}"]
        while not self.create(leases[-1], b"", {}):
            if self._has_changed(described):
                yield False
                return
            leases.append(f"{leases[0]}+{len(leases)}")
        try:
            yield True
        finally:
            self.delete(leases)

    def _has_changed(self, described: StoredObject) -> bool:
        """Whether the object changes while the holder of its lease may still be alive."""
        deadline = time.monotonic() + LEASE_SECONDS
        while time.monotonic() < deadline:
            now = self.describe(described.key)
            if now is None or now.version != described.version:
                return True
            time.sleep(_POLL_SECONDS)
        return False
