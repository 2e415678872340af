from __future__ import annotations

import io
import json
import logging

from ingest_api.json_logs import Throttle, json_handler, request_id


def test_a_line_is_one_json_object_with_the_id_of_its_request() -> None:
    written = io.StringIO()
    logger = logging.Logger("some.where")
    logger.addHandler(json_handler(written))
    logger.warning("two\nlines", extra={"status": 503})
    token = request_id.set("r-1")
    logger.info("about a request")
    request_id.reset(token)

    first, second = map(json.loads, written.getvalue().splitlines())
    assert (first["level"], first["logger"], first["message"]) == ("WARNING", "some.where", "two\nlines")
    assert first["status"] == 503
    assert "request_id" not in first
    assert second["request_id"] == "r-1"


def test_a_flood_of_lines_is_cut_off_and_counted() -> None:
    now = 7.0
    throttle = Throttle(lines_a_second=3, clock=lambda: now)
    record = logging.makeLogRecord({})
    assert [throttle.filter(record) for _ in range(5)] == [True, True, True, False, False]
    now = 8.0
    assert throttle.filter(record)
    assert record.__dict__["dropped_lines"] == 2
