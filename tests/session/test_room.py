"""What reading a socket costs the system, in a process of its own: room for a reading is kept, not mapped anew each time."""

import os
import platform
import subprocess
import sys

import pytest

READS = """
import importlib, resource, socket, sys
importlib.import_module(sys.argv[1])

there, here = socket.socketpair()
kept = []
begin = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(1000):
    there.send(bytes(1300))
    kept = [*kept[-20:], here.recv(2**18)]  # as asyncio's transports read
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begin)
"""


def page_faults(module: str, **environment: str) -> int:
    """Of a thousand readings."""
    done = subprocess.run(
        [sys.executable, "-c", READS, f"voicechatengine.session.{module}"],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that maps large blocks")
@pytest.mark.parametrize("module", ["aiohttp_transport", "aiohttp_http"])
def test_room_for_a_reading_is_not_mapped_anew_each_time(module: str) -> None:
    assert page_faults(module, MALLOC_MMAP_THRESHOLD_=str(2**17)) > 1000  # where glibc may not learn
    assert page_faults(module) < 200
