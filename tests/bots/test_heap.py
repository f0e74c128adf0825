"""All threads of the program share one heap of the C library."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys, threading
from bots.heap import keep_heap_small
if sys.argv[1] == "small":
    keep_heap_small()
together = threading.Barrier(4)
def allocate():
    together.wait()
    kept.append([bytearray(1_000 + number) for number in range(2_000)])
    together.wait()
kept = []
threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ctypes.CDLL(None).malloc_stats()
"""


def heaps(how: str) -> int:
    """The number of heaps of a process in which four threads allocate; 0 where the C library does not tell."""
    command = [sys.executable, "-c", PROGRAM, how]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stderr
    return told.count("Arena ")


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone has several heaps")
def test_threads_share_one_heap() -> None:
    if heaps("as it is") < 2:
        pytest.skip("the C library is not glibc")
    assert heaps("small") == 1
