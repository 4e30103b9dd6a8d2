"""`pipecat-ai`: a pipeline of its OpenAI realtime service and a sink."""

from __future__ import annotations

import asyncio

from loguru import logger
from pipecat.frames.frames import Frame, InputAudioRawFrame, TTSAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

from benchmarks.contestants import Heard

RATE = 24_000


class Sink(FrameProcessor):
    def __init__(self, heard: Heard):
        super().__init__()
        self._heard = heard

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self._heard(frame.audio)
        await self.push_frame(frame, direction)


class Pipe:
    def __init__(self, worker: PipelineWorker, runner: WorkerRunner):
        self._worker = worker
        self._runner = runner
        self._running = asyncio.create_task(runner.run())

    async def send(self, chunk: bytes, times: int) -> None:
        for number in range(times):
            await self._worker.queue_frame(InputAudioRawFrame(audio=chunk, sample_rate=RATE, num_channels=1))
            if number % 50 == 49:
                await asyncio.sleep(0)  # its queues have no bound

    async def close(self) -> None:
        await self._runner.cancel()
        await self._running


async def connect(url: str, heard: Heard) -> Pipe:
    logger.remove()
    service = OpenAIRealtimeLLMService(api_key="none", base_url=f"{url.replace('http', 'ws', 1)}/v1/realtime")
    started = asyncio.Event()
    worker = PipelineWorker(
        Pipeline([service, Sink(heard)]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        cancel_on_idle_timeout=False,
        enable_turn_tracking=False,
    )

    async def begin(*_: object) -> None:
        started.set()

    worker.add_event_handler("on_pipeline_started", begin)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    pipe = Pipe(worker, runner)
    await started.wait()
    return pipe
