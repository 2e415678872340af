"""Downloads artifacts from Maven Central into the cache, in parallel, and verifies them.

A file gets its name only after its size and SHA-256 were checked; until then it is `<name>.part`, which a later run
resumes. Python downloads, not Java: it trusts the system's certificates, such as a company's own authority, which the
JRE from the wheel does not know.
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
    """Another download failed or the user interrupted; the `.part` file stays for the next run."""


class WrongBytesError(Exception):
    """The downloaded bytes differ from the lock. The text says how."""


@dataclass(frozen=True)
class Downloader:
    """Downloads into `cache`. `advance` gets byte counts: downloaded or found in `.part` files; negative: discarded."""

    cache: Path
    advance: Advance
    base_url: str = MAVEN_CENTRAL
    pause_seconds: float = 1.0
    given_up: threading.Event = field(default_factory=threading.Event)

    def fetch_all(self, artifacts: Sequence[Artifact]) -> None:
        """Downloads the artifacts that the cache lacks.

        Raises:
            StackError: an artifact could not be downloaded; the others are interrupted.
        """
        trust = ssl.create_default_context()
        # Byte counts and resuming need the file as it is on the server, not compressed for transfer.
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
            # A part from an earlier run may have been cut off while writing: try once more from the start.
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
                self.advance(-file.tell())  # the next attempt counts these bytes again
                raise


@contextmanager
def _only_one(cache: Path) -> Iterator[None]:
    """Checkouts share the cache: a second one waits here, then finds the files."""
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
            f"{place} has {error}, but the lock says {artifact.sha256}. The download was discarded. Try again; if it "
            f"happens again, a proxy may be changing downloads, or infra/artifacts.lock is damaged."
        )
    return (
        f"Cannot download {place}: {error}. Check the network and HTTPS_PROXY. Behind a company's proxy, its "
        "certificate has to be installed on the system or named by SSL_CERT_FILE. Then "
        "run the same command again: it resumes."
    )


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
