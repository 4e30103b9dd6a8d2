"""Barge-in: from the arrival of `speech_started` to the flushed sink and to the cancel on the wire; idle, and among 200 talking sessions.

In the process of the engine, its transport notes when the frame came and when the cancel had been handed to the socket: what lies
between is the time that the library adds. The way round is what the server sees, from its sending of `speech_started` to the cancel's
coming; there a raw loop that answers at once is the floor. Own work is the CPU time of the process meanwhile: what other processes
on the machine take is not in it. The 200 sessions are in the same process, of the same package, full duplex.
"""

from __future__ import annotations

from benchmarks.harness import ENGINE, LOG, PROVIDER, RAW, Failed, Process, Server, percentile, staged
from benchmarks.result import Result

CROWD = 200
INSIDE = {
    "flush": "to the silent sink",
    "flush_own": "to the silent sink, own work",
    "cancel": "to the cancel on the wire",
    "cancel_own": "to the cancel on the wire, own work",
}
PAUSE_S = 0.1  # between two interruptions the reply goes on
CHATTER = PROVIDER  # the sessions beside the one that is interrupted


def engine_cuts(server: Server, worker: Process, rounds: int, crowd: int) -> dict[str, list[float]]:
    """Seconds of each interruption, after one that warms up."""
    found: dict[str, list[float]] = {name: [] for name in (*INSIDE, "round")}
    for number in range(rounds + 1):
        server.control("stream", ms=20, count=crowd + 1)
        worker.ask("cut")
        at = server.control("speech", session=0, after=PAUSE_S)
        inside = worker.answer()
        if number:
            for name in INSIDE:
                found[name].append(inside[name])
            found["round"].append(at["cancelled"] - at["at"])
    return found


def raw_cuts(server: Server, rounds: int, crowd: int) -> list[float]:
    """The way round, by the loop that does nothing else."""
    found: list[float] = []
    for number in range(rounds + 1):
        server.control("stream", ms=20, count=crowd + 1)
        at = server.control("speech", session=0, after=PAUSE_S)
        if number:
            found.append(at["cancelled"] - at["at"])
    return found


def measure(*, quick: bool) -> Result:
    rounds = 50 if quick else 400
    result = Result("bargein", quick=quick)
    for crowd, where in ((0, "idle"), (CROWD, f"among {CROWD} sessions")):
        LOG.info("%s: engine, then raw loop", where)
        try:
            with staged(CHATTER, sessions=0, module="benchmarks.bargein_worker") as (server, worker):
                worker.ask("watch")
                worker.ask("open", count=crowd)
                worker.ask("chatter", count=crowd)
                ours = engine_cuts(server, worker, rounds, crowd)
            with staged(RAW, sessions=crowd + 1) as (server, worker):
                worker.ask("chatter", count=crowd)
                raw = raw_cuts(server, rounds, crowd)
        except Failed as why:
            result.absent[f"barge-in {where}"] = str(why)
            continue
        inside = {title: ours[name] for name, title in INSIDE.items()}
        result.add(f"from speech_started, {where}", "ms", inside, scale=1e3)
        result.add(f"from speech_started, {where}, 99 of 100", "ms", _worst(inside), scale=1e3)
        there = {RAW.name: raw, ENGINE.name: ours["round"]}
        result.add(f"the way round, {where}", "ms", there, RAW.name, scale=1e3)
        result.add(f"the way round, {where}, 99 of 100", "ms", _worst(there), RAW.name, scale=1e3)
    return result


def _worst(found: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name: [percentile(values, 99)] for name, values in found.items()}
