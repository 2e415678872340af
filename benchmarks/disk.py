"""A disk of limited size for the state folder, so that a benchmark can fill it. Needs root and a loop device."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MIB = 1024 * 1024
_FILLER = "filler"
_PIECES = (256 * MIB, MIB, 4096)


class Disk:
    """A mounted folder. `fill` leaves nobody a byte, root neither; `free` gives it back."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / _FILLER

    def fill(self) -> int:
        """Takes what is free, in ever smaller pieces; returns how many bytes it has taken since it was last freed."""
        with self._filler.open("ab") as filler:
            for piece in _PIECES:
                with suppress(OSError):
                    while True:
                        size = filler.seek(0, os.SEEK_END)
                        os.posix_fallocate(filler.fileno(), size, piece)
        return self._filler.stat().st_size

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextmanager
def mounted(folder: Path, image: Path, size_mib: int) -> Iterator[Disk]:
    """An empty disk at the folder until the end of the block; nothing of it is left.

    Raises:
        subprocess.CalledProcessError: this machine lets nobody mount, or this user.
    """
    unmount(folder, image)
    folder.mkdir(parents=True, exist_ok=True)
    with image.open("wb") as content:
        content.truncate(size_mib * MIB)
    _run("mkfs.ext4", "-q", "-m", "0", str(image))
    _run("mount", "-o", "loop", str(image), str(folder))
    try:
        shutil.rmtree(folder / "lost+found")
        yield Disk(folder)
    finally:
        unmount(folder, image)


def unmount(folder: Path, image: Path) -> None:
    """What is left of a run that was killed, too."""
    if folder.is_mount():
        with suppress(subprocess.CalledProcessError):
            _run("umount", str(folder))
    if folder.is_mount():
        _run("umount", "--lazy", str(folder))  # someone's shell stands in it
    shutil.rmtree(folder, ignore_errors=True)
    image.unlink(missing_ok=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
