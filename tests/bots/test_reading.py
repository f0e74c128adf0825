"""One message that can't be read costs that message alone."""

from __future__ import annotations

import structlog

from bots.reading import MessageReader


def test_a_message_that_can_not_be_read_is_left_out_and_logged_by_its_id_alone() -> None:
    reader = MessageReader("slack", lambda message: f"id of {len(message)}")
    with structlog.testing.capture_logs() as logs:
        read = list(reader.each(lambda message: int(message) or None, ["1", "0", "secret words", "3"]))
    assert read == [1, 3]
    assert logs == [
        {
            "event": "message_unreadable",
            "log_level": "warning",
            "platform": "slack",
            "message": "id of 12",
            "error": "ValueError",
        }
    ]
