"""How a relay says something to the provider in use, where it is more than to pass it on: our own ear, and old items.

It keeps nothing of its own; what is under way is in the `Line`.
"""

from __future__ import annotations

from voicechatengine.compose.ears import Ears
from voicechatengine.compose.fit import changes
from voicechatengine.compose.ledger import Ledger
from voicechatengine.compose.line import Line
from voicechatengine.compose.outlet import Outlet
from voicechatengine.errors import MessageError
from voicechatengine.events import ErrorInfo, SpeechStarted
from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    AudioAppend,
    AudioCommit,
    Command,
    ItemTruncate,
)


async def say(line: Line, message: Command, ledger: Ledger, outlet: Outlet) -> None:
    """Says it. Raises what the provider raises."""
    if line.ears is not None:
        await _through_ears(line, line.ears, message, ledger, outlet)
    elif isinstance(message, ItemTruncate) and message.item_id in line.names.restored:
        await _correct(line, message, ledger)
    else:
        await line.send(message)


async def _correct(line: Line, message: ItemTruncate, ledger: Ledger) -> None:
    """An item from before this provider's time is mere text to it: what was not heard is taken out of it."""
    before = ledger.conversation.items()
    ledger.conversation.apply(message)
    if line.provider.get_capabilities().get("item_deletion"):
        for change in changes(before, ledger.conversation.items()):
            await line.send(change)


async def _through_ears(line: Line, ears: Ears, message: Command, ledger: Ledger, outlet: Outlet) -> None:
    """To a provider whose turns we end: audio goes on as far as it is speech."""
    if isinstance(message, AudioAppend):
        line.steps.extend(ears.hear(message.audio))
        await _take_steps(line, ears, ledger, outlet)
        return
    if isinstance(message, (AudioCommit, ActivityEnd)) and (rest := ears.flush()):
        line.steps.append(AudioAppend(rest))
        await _take_steps(line, ears, ledger, outlet)
    if isinstance(message, ItemTruncate) and message.item_id in line.names.restored:
        await _correct(line, message, ledger)
    else:
        await line.send(message)


async def _take_steps(line: Line, ears: Ears, ledger: Ledger, outlet: Outlet) -> None:
    while line.steps and not line.left:
        step = line.steps.popleft()
        if isinstance(step, AudioAppend):
            await line.send(step)
            continue
        running = ledger.busy and not ledger.speaking
        outlet.tell(step)
        if isinstance(step, SpeechStarted):
            await line.send(ActivityStart())
            if running and ears.detection.interrupt_response:
                await line.provider.interrupt()
            continue
        try:
            await line.send(ActivityEnd() if ears.detection.create_response else AudioCommit())
        except MessageError as error:  # too short for the provider: it was no turn
            outlet.emit(ErrorInfo("turn_refused", str(error), command="activity_end"))
