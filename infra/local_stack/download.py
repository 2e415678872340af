"""Fetches artifacts from Maven Central into the cache, in parallel and verified.

Belongs here: HTTP, retries, resuming, checksums. Does not belong here: which artifacts are wanted (`artifacts`).

A file gets its name only when its size and SHA-256 are right; until then it is `<name>.part`, which a later run
continues. Python fetches, not Java: it trusts what the system trusts, and with it a company's own certificate
authority, which the JRE of the wheel does not know.
"""

from __future__ import annotations

import fcntl
import hashlib
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from infra.errors import StackError
from infra.local_stack.artifacts import Artifact, missing

MAVEN_CENTRAL = "https://repo1.maven.org/maven2"
PARALLEL_DOWNLOADS = 8
ATTEMPTS = 6
WORTH_A_RETRY = {408, 425, 429, 500, 502, 503, 504}

Advance = Callable[[int], None]


class InterruptedDownloadError(Exception):
    """Another download failed or the user gave up: the part stays for the next time."""


class WrongBytesError(Exception):
    """The bytes are not those of the lock. Its text names what arrived."""


@dataclass(frozen=True)
class Downloader:
    """Fetches into `cache`; `advance` is called with each number of bytes that arrived or were there before."""

    cache: Path
    advance: Advance
    base_url: str = MAVEN_CENTRAL
    pause_seconds: float = 1.0
    given_up: threading.Event = field(default_factory=threading.Event)

    def fetch_all(self, artifacts: Sequence[Artifact]) -> None:
        """Fetches what the cache does not have; raises StackError with the first artifact that cannot be had."""
        trust = ssl.create_default_context()
        # Counting bytes and resuming both need what lies on the server, not a compressed transfer of it.
        headers = {"Accept-Encoding": "identity"}
        with (
            httpx.Client(verify=trust, headers=headers, timeout=30, follow_redirects=True) as client,
            _only_one(self.cache),
            ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool,
        ):
            futures = [pool.submit(self._fetch, client, artifact) for artifact in missing(artifacts, self.cache)]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                self.given_up.set()
                pool.shutdown(cancel_futures=True)
                raise

    def _fetch(self, client: httpx.Client, artifact: Artifact) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._attempt(client, artifact)
            except (httpx.HTTPError, WrongBytesError) as error:
                if attempt == ATTEMPTS or not _is_passing(error):
                    raise StackError(_explain(artifact, self.base_url, error)) from error
            self.given_up.wait(self.pause_seconds * 2 ** (attempt - 1))
        return None

    def _attempt(self, client: httpx.Client, artifact: Artifact) -> None:
        target = self.cache / artifact.path
        part = target.with_name(target.name + ".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        resumed = part.exists()
        self._continue_part(client, artifact, part)
        actual = _sha256(part)
        if part.stat().st_size != artifact.size or actual != artifact.sha256:
            self.advance(-part.stat().st_size)
            part.unlink()
            # What lay there from an earlier run may have been cut in mid-write: one fresh try before giving up.
            raise WrongBytesError("interrupted earlier" if resumed else f"SHA-256 {actual}")
        part.rename(target)

    def _continue_part(self, client: httpx.Client, artifact: Artifact, part: Path) -> None:
        have = part.stat().st_size if part.exists() else 0
        if have == artifact.size:
            return self.advance(have)
        headers = {"Range": f"bytes={have}-"} if have else {}
        with client.stream("GET", f"{self.base_url}/{artifact.path}", headers=headers) as response:
            continues = response.status_code == httpx.codes.PARTIAL_CONTENT
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink()
            response.raise_for_status()
            self._write(response, part, "ab" if continues else "wb")
        return None

    def _write(self, response: httpx.Response, part: Path, mode: str) -> None:
        with part.open(mode) as file:
            self.advance(file.tell())
            try:
                for chunk in response.iter_raw():
                    if self.given_up.is_set():
                        raise InterruptedDownloadError
                    file.write(chunk)
                    self.advance(len(chunk))
            except httpx.HTTPError:
                self.advance(-file.tell())  # the next attempt counts again what is there
                raise


@contextmanager
def _only_one(cache: Path) -> Iterator[None]:
    """Two checkouts share the cache: the second waits here, then finds the files."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_passing(error: Exception) -> bool:
    if isinstance(error, WrongBytesError):
        return str(error) == "interrupted earlier"
    return not isinstance(error, httpx.HTTPStatusError) or error.response.status_code in WORTH_A_RETRY


def _explain(artifact: Artifact, base_url: str, error: Exception) -> str:
    place = f"{base_url}/{artifact.path}"
    if isinstance(error, WrongBytesError):
        return (
            f"{place} has {error}, the lock says {artifact.sha256}. Nothing of it was kept. Try again; if it stays, "
            f"something between here and there changes downloads (a proxy?), or infra/artifacts.lock is damaged."
        )
    return (
        f"Cannot download {place}: {error}. Check the network, HTTPS_PROXY, and (behind a company's proxy) that its "
        "certificate is installed on the system or named by SSL_CERT_FILE; then "
        "run the same command again: it continues."
    )


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
