"""Makes the two files that Compose reads, if they are missing: settings, and random secrets that only the owner reads.

Run by `make compose-up` with the system's Python, so it needs the standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path

INFRA = Path(__file__).resolve().parents[1]
SETTINGS, SECRETS, EXAMPLE = "compose.env", "compose.secrets.env", "compose.env.example"
_RANDOM = (
    *("POSTGRES_SUPERUSER_PASSWORD", "POSTGRES_PASSWORD", "POSTGRES_MONITOR_PASSWORD"),
    *("S3_ACCESS_KEY", "S3_SECRET_KEY"),
    *("PROXY_READER_PASSWORD", "PROXY_OPERATOR_PASSWORD", "GRAFANA_PASSWORD"),
)
_CLIENT = "operator"  # the owner of the first write key


def new_secrets() -> dict[str, str]:
    """Every secret of `infra/compose.yaml`, by variable."""
    found = {f"PINTEREST_{name}": secrets.token_urlsafe(24) for name in _RANDOM}
    key = secrets.token_urlsafe(32)
    hashes = json.dumps({_CLIENT: hashlib.sha256(key.encode()).hexdigest()})
    return {**found, "PINTEREST_INGEST_API_KEY": key, "PINTEREST_INGEST_WRITE_KEYS": f"'{hashes}'"}


def write_missing(folder: Path) -> list[Path]:
    """Writes the files that are missing; returns their paths. Existing ones stay as they are."""
    texts = {
        SETTINGS: (INFRA / EXAMPLE).read_text(),
        SECRETS: "".join(f"{name}={value}\n" for name, value in new_secrets().items()),
    }
    missing = [folder / name for name in texts if not (folder / name).exists()]
    for file in missing:
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as content:
            content.write(texts[file.name])
    return missing


if __name__ == "__main__":
    for file in write_missing(INFRA):
        print(f"{file.relative_to(INFRA.parent)} was made")
