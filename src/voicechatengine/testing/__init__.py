"""What one needs to test an application without network, sleep or key. Knows no test framework."""

from voicechatengine.testing.virtual import VirtualLoop, run_virtual

__all__ = ["VirtualLoop", "run_virtual"]
