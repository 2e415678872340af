"""S3, as the platform uses it: one bucket, whole objects, listings by prefix.

Belongs here: what boto3 is asked. Does not belong here: the names of objects and what is in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pinterest_platform.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class StoredObject:
    """An object's key, size in bytes and user metadata."""

    key: str
    size: int
    metadata: Mapping[str, str] = field(default_factory=dict)


class ObjectStore(Protocol):
    """One bucket, as the batch uses it: whole objects with user metadata."""

    name: str

    def put(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        """Write the whole object; whoever reads it sees the old one or the new one."""

    def get(self, key: str) -> bytes:
        """The whole object."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """The objects below the prefix in the order of their keys, without their metadata."""

    def describe(self, key: str) -> StoredObject | None:
        """The object with its metadata, or None where there is none."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete these objects; one that is not there is no error."""


def create_bucket(settings: Settings) -> None:
    """Create the platform's bucket, unless it is there."""
    client = _client(settings)
    names = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    if settings.s3_bucket not in names:
        client.create_bucket(Bucket=settings.s3_bucket)


def open_bucket(settings: Settings) -> Bucket:
    """The platform's bucket."""
    return Bucket(_client(settings), settings.s3_bucket)


def _client(settings: Settings) -> S3Client:
    import boto3  # half a second that a sensor need not pay
    from botocore.config import Config

    secret = settings.s3_secret_key
    client: S3Client = boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint_url or None,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,  # without keys boto3 looks for credentials in its usual places
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        config=Config(
            s3={"addressing_style": "path" if settings.s3_endpoint_url else "auto"},
            retries={"mode": "standard", "max_attempts": 4},
            connect_timeout=5,
            read_timeout=30,
        ),
    )
    return client


class Bucket:
    """An `ObjectStore` in S3. Errors of the store pass through as botocore raises them."""

    def __init__(self, client: S3Client, name: str) -> None:
        self.name = name
        self._client = client

    def put(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        """Write the whole object; whoever reads it sees the old one or the new one."""
        self._client.put_object(Bucket=self.name, Key=key, Body=body, Metadata=dict(metadata))

    def get(self, key: str) -> bytes:
        """The whole object."""
        return self._client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """The objects below the prefix in the order of their keys, without their metadata."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", []):
                yield StoredObject(item["Key"], item["Size"])

    def describe(self, key: str) -> StoredObject | None:
        """The object with its metadata, or None where there is none."""
        from botocore.exceptions import ClientError

        try:
            head = self._client.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise
        return StoredObject(key, head["ContentLength"], head["Metadata"])

    def delete(self, keys: Iterable[str]) -> None:
        """Delete these objects; one that is not there is no error."""
        for key in list(keys):  # a listing that is read while it shrinks may skip some
            self._client.delete_object(Bucket=self.name, Key=key)
