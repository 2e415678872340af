from __future__ import annotations

import pytest

from ingest_api.write_keys import LOOPBACK, UnknownKeyError, WriteKeys, hash_of, main, new_key
from pinterest_platform.settings import Settings

WEB, PHONE = new_key(), new_key()
KEYS = WriteKeys({"web": hash_of(WEB), "phone": hash_of(PHONE)})


@pytest.mark.parametrize(("key", "owner"), [(WEB, "web"), (PHONE, "phone")], ids=["web", "phone"])
def test_several_keys_are_valid_at_once_and_each_has_an_owner(key: str, owner: str) -> None:
    assert KEYS.owner(key.encode()) == owner


@pytest.mark.parametrize(
    "key", [b"", b"\xff\x00", hash_of(WEB).encode(), WEB[:-1].encode()], ids=["empty", "binary", "hash", "cut"]
)
def test_nothing_else_is_a_key(key: bytes) -> None:
    with pytest.raises(UnknownKeyError, match="not valid"):
        KEYS.owner(key)


def test_a_missing_key_is_told_from_a_wrong_one() -> None:
    with pytest.raises(UnknownKeyError, match="X-API-Key is missing"):
        KEYS.owner(None)


@pytest.mark.parametrize("key", [None, b"any"])
def test_without_configured_keys_none_is_demanded(key: bytes | None) -> None:
    assert WriteKeys({}).owner(key) == LOOPBACK


def test_a_new_key_is_shown_with_the_setting_that_makes_it_valid(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["web"])
    shown = capsys.readouterr().out
    key = shown.split("X-API-Key: ")[1].split()[0]
    name, _, value = shown.split()[-2:] and shown.strip().splitlines()[-1].strip().partition("=")
    monkeypatch.setenv(name, value.strip("'"))
    assert WriteKeys(Settings().ingest_write_keys).owner(key.encode()) == "web"


def test_a_key_instead_of_its_hash_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="no SHA-256 in 64 hexadecimal digits") as error:
        Settings(ingest_write_keys={"web": WEB})
    assert WEB not in str(error.value)
