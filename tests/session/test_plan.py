"""What is said before connect, for the session to come."""

from __future__ import annotations

import pytest

from voicechatengine import ConnectionError
from voicechatengine.messages import (
    MessageItem,
    Options,
    ResponseCreate,
    SessionCreate,
    SessionUpdate,
    TextPart,
)
from voicechatengine.session.plan import Plan

ITEM = MessageItem("user", (TextPart("Hello"),), id="one")


def test_options_add_up_and_a_history_is_the_last_one_said():
    plan = Plan(Options(voice="first", language="en"))
    plan.define(SessionCreate(Options(voice="second"), (ITEM,)))
    plan.define(SessionUpdate(Options(instructions="Be brief.")))
    assert plan.options == Options(voice="second", language="en", instructions="Be brief.")
    assert plan.take_history() == (ITEM,)


def test_a_history_is_for_one_session():
    plan = Plan(Options())
    plan.define(SessionCreate(Options(), (ITEM,)))
    plan.take_history()
    assert plan.take_history() == ()


def test_what_describes_no_session_is_refused():
    plan = Plan(Options())
    with pytest.raises(ConnectionError, match="there is no session"):
        plan.define(ResponseCreate())
    assert plan.options == Options()
