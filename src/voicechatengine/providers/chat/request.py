"""Makes a request to a chat endpoint of a conversation. Pure: the conversation in, the body out.

Source: https://platform.openai.com/docs/api-reference/chat/create (read 2026-11-22). The results of calls follow the message
that made them, one for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import pybase64

from voicechatengine.messages import ImagePart, Item, MessageItem, TextPart, ToolCallItem, ToolResultItem
from voicechatengine.providers.cascade.parts import Request

UNANSWERED: Final = "The call was cancelled: there is no result."

Message = dict[str, Any]


def body(
    request: Request, *, model: str, max_tokens: int | None, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """The body of a streamed request; `fields` are the server's own, and the request's `vendor` goes over them."""
    written: dict[str, Any] = {
        "model": model,
        "messages": messages(request.instructions, request.history),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    limit = request.max_tokens or max_tokens
    if limit is not None:
        written["max_tokens"] = limit
    if request.tools:
        written["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                },
            }
            for tool in request.tools
        ]
        choice = request.tool_choice
        named = {"type": "function", "function": {"name": choice}}
        written["tool_choice"] = choice if choice in ("auto", "none", "required") else named
    return {**written, **fields, **request.vendor}


def messages(instructions: str, history: Sequence[Item]) -> list[Message]:
    """The conversation as messages; each assistant's message is followed by the results of its calls. What one side says twice
    in a row is one message: the templates of some models refuse two.
    """
    results = {item.call_id: _output(item) for item in history if isinstance(item, ToolResultItem)}
    called = {item.call_id for item in history if isinstance(item, ToolCallItem)}
    written: list[Message] = [{"role": "system", "content": instructions}] if instructions else []
    words: list[str] = []
    calls: list[ToolCallItem] = []

    def close() -> None:
        text = "".join(words).strip()
        if text or calls:
            message: Message = {"role": "assistant", "content": text or None}
            if calls:
                message["tool_calls"] = [_call(call) for call in calls]
            written.append(message)
        written.extend(_result(call.call_id, results.get(call.call_id, UNANSWERED)) for call in calls)
        words.clear()
        calls.clear()

    for item in history:
        if isinstance(item, ToolCallItem):
            calls.append(item)
        elif isinstance(item, ToolResultItem):
            close()
            if item.call_id not in called:
                text = f"The result of call {item.call_id}: {_output(item)}"
                _add(written, "user", text)
        elif item.role == "assistant":
            words.append(item.text)
        else:
            close()
            content = _content(item)
            if content:
                _add(written, item.role, content)
    close()
    return written


def _add(written: list[Message], role: str, content: str | list[Message]) -> None:
    """Adds what a side says, to its last message if nobody spoke since."""
    if not written or written[-1]["role"] != role:
        written.append({"role": role, "content": content})
        return
    before = written[-1]["content"]
    if isinstance(before, str) and isinstance(content, str):
        written[-1]["content"] = f"{before}\n\n{content}"
    else:
        written[-1]["content"] = [*_parts(before), *_parts(content)]


def _parts(content: str | list[Message]) -> list[Message]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _call(call: ToolCallItem) -> Message:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.call_id, "type": "function", "function": function}


def _output(result: ToolResultItem) -> str:
    """The endpoint has no mark for an error, so the text says that it is one."""
    return msgspec.json.encode({"error": result.output}).decode() if result.is_error else result.output


def _result(call_id: str, output: str) -> Message:
    return {"role": "tool", "tool_call_id": call_id, "content": output}


def _content(item: MessageItem) -> str | list[Message]:
    """Plain text where there is only text: not every server takes parts."""
    if not any(isinstance(part, ImagePart) for part in item.content):
        return item.text.strip()
    parts: list[Message] = []
    for part in item.content:
        if isinstance(part, ImagePart):
            url = f"data:{part.mime_type};base64,{pybase64.b64encode(part.image).decode()}"
            parts.append({"type": "image_url", "image_url": {"url": url, "detail": part.detail}})
        else:
            text = part.text if isinstance(part, TextPart) else part.transcript or ""
            parts.append({"type": "text", "text": text})
    return parts
