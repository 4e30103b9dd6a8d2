"""`openai-agents`, its model layer alone: `OpenAIRealtimeWebSocketModel` with a listener."""

from __future__ import annotations

from agents.realtime.config import RealtimeSessionModelSettings
from agents.realtime.model import RealtimeModelListener
from agents.realtime.model_events import RealtimeModelAudioEvent, RealtimeModelEvent
from agents.realtime.model_inputs import RealtimeModelSendAudio
from agents.realtime.openai_realtime import OpenAIRealtimeWebSocketModel

from benchmarks.contestants import Heard


class Listener(RealtimeModelListener):
    def __init__(self, heard: Heard):
        self._heard = heard

    async def on_event(self, event: RealtimeModelEvent) -> None:
        if isinstance(event, RealtimeModelAudioEvent):
            self._heard(event.data)


class Model:
    def __init__(self, model: OpenAIRealtimeWebSocketModel):
        self._model = model

    async def send(self, chunk: bytes, times: int) -> None:
        for _ in range(times):
            await self._model.send_event(RealtimeModelSendAudio(audio=chunk))

    async def close(self) -> None:
        await self._model.close()


async def connect(url: str, heard: Heard) -> Model:
    model = OpenAIRealtimeWebSocketModel()
    model.add_listener(Listener(heard))
    settings: RealtimeSessionModelSettings = {"tracing": None}
    await model.connect(
        {
            "api_key": "none",
            "url": f"{url.replace('http', 'ws', 1)}/v1/realtime?model=gpt-realtime",
            "initial_model_settings": settings,
        }
    )
    return Model(model)
