from __future__ import annotations

import pytest

from ingest_api.emulator import __main__ as command_line
from ingest_api.emulator.delivery import UndeliveredError
from ingest_api.emulator.emulation import Emulation, EmulationResult, Observer

RESULT = EmulationResult(started_at=0, finished_at=2_000, posted=1_500, acknowledged=1_400, refused=100)


def test_the_counts_are_printed_at_the_end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def emulate(emulation: Emulation, *observers: Observer) -> EmulationResult:
        assert (emulation.count, emulation.senders, emulation.malformed_share) == (1_500, 3, 0.5)
        for observer in observers:
            observer.counted(RESULT)
        return RESULT

    monkeypatch.setattr(command_line, "emulate", emulate)
    arguments = ["--count", "1500", "--senders", "3", "--malformed", "0.5", "--as-fast-as-accepted"]
    assert command_line.main(arguments) == 0
    assert capsys.readouterr().out.splitlines() == [
        "pins: 1,500 of 1,500, 750/s, 0 s left",
        "posted 1,500, acknowledged 1,400, refused 100 in 2.0 s",
    ]


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [(UndeliveredError("nobody listens"), 1, "nobody listens"), (KeyboardInterrupt(), 130, "Interrupted.")],
)
def test_an_emulation_that_ends_early_still_prints_its_counts(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    sentence: str,
) -> None:
    def emulate(_emulation: Emulation, *_observers: Observer) -> EmulationResult:
        raise error

    monkeypatch.setattr(command_line, "emulate", emulate)
    assert command_line.main([]) == code
    assert capsys.readouterr().out.splitlines() == [sentence, "posted 0, acknowledged 0, refused 0"]


@pytest.mark.parametrize(
    "arguments",
    [["--count", "0"], ["--malformed", "1.5"], ["--rate", "-1"], ["--rate", "5", "--as-fast-as-accepted"]],
)
def test_nonsense_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line.main(arguments)
    assert "error: argument" in capsys.readouterr().err
