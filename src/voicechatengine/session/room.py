"""Room for what comes from sockets: once per process, for whoever is about to open one. It knows no socket.

asyncio makes room for 256 KiB with each reading. glibc maps so large a block anew, and unmaps it, each time, unless the heap
happens to have a hole of that size: three system calls and two page faults. It keeps such blocks once a larger one was freed
(mallopt(3), M_MMAP_THRESHOLD). With any other allocator this does nothing.
"""

from __future__ import annotations

from typing import Final

LARGER: Final = 2**20  # bytes


def keep_room() -> None:
    """Has the allocator keep the memory that sockets are read into."""
    bytes(LARGER)
