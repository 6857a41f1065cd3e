"""Mails to a mail server far away, while a worker dies: all arrive soon, and hardly any twice.

With TEST_BUDGET=nightly 120 a second on PostgreSQL and a worker that is killed; else a few.
"""

from __future__ import annotations

import json
import os

import pytest

from central.notify.worker import SETTLE
from tests.load.mails import Way, mails

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
RATE = float(os.environ.get("TEST_MAILS_A_SECOND", "120"))
SECONDS = 40.0
SHARE_SOON = 0.999
"""Of all mails, the share that arrives within half a minute."""
TWICE_MAX = 2 * SETTLE
"""What a worker had sent and not written down when it was killed goes out once more."""
NIGHTLY = pytest.mark.skipif(not IS_NIGHTLY, reason="takes minutes; TEST_BUDGET=nightly")


def test_each_mail_arrives_once_at_a_mail_server_far_away() -> None:
    sent = mails(Way("sqlite", 1, 8), rate=10, seconds=2, kills=False)
    print(json.dumps(sent.figures()))
    assert (sent.lost, sent.again) == ([], 0)


@NIGHTLY
@pytest.mark.timeout(600)
def test_mails_go_out_soon_and_once_though_a_worker_is_killed() -> None:
    sent = mails(Way(), RATE, SECONDS, kills=True)
    print(json.dumps(sent.figures()))
    assert sent.lost == []
    assert sent.again <= TWICE_MAX
    assert sent.share_soon() >= SHARE_SOON


@NIGHTLY
@pytest.mark.timeout(600)
def test_mails_that_go_out_late_and_not_at_all_are_found() -> None:
    """The control: one connection to a mail server that takes half a second for each answer."""
    way = Way(workers=1, connections=1, delay_ms=500)
    sent = mails(way, rate=20, seconds=SECONDS, kills=False, waits=False)
    print(json.dumps(sent.figures()))
    assert sent.lost
    assert sent.share_soon() < SHARE_SOON
