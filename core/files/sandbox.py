"""The limits that a child process sets for itself before it reads a file.

Enforced by the kernel, without privileges: memory, CPU time, no core dump (`limit`); and once the code that the file
needs is imported, no new file descriptor, so neither a socket nor a file, no writing to a file, and no process or
thread (`seal`). The environment is empty and no descriptor but stdin, stdout and stderr is inherited
(`core.files.extractor`).

Not enforced: the child runs as Parley's user, so that code which takes it over could send signals to Parley's
processes. A user with the right to raise limits, such as root, is not held by them. macOS does not limit memory
(https://developer.apple.com/library/archive/documentation/System/Conceptual/ManPages_iPhoneOS/man2/setrlimit.2.html).
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress

MEMORY = 512_000_000
"""Bytes of address space."""
CPU_S = 10
_NICE = 10


def limit() -> None:
    """Bound memory and CPU time, and give way to Parley's own process. Past the CPU time the process is killed."""
    os.nice(_NICE)
    _set(resource.RLIMIT_AS, MEMORY)
    _set(resource.RLIMIT_CPU, CPU_S, CPU_S + 1)  # SIGXCPU comes at the first, SIGKILL at the second.
    _set(resource.RLIMIT_CORE, 0)


def seal() -> None:
    """Restrict the process to reading stdin and writing stdout: it can open nothing from then on."""
    _set(resource.RLIMIT_NOFILE, 0)
    _set(resource.RLIMIT_FSIZE, 0)
    _set(resource.RLIMIT_NPROC, 0)


def _set(what: int, soft: int, hard: int | None = None) -> None:
    """Systems refuse limits that they do not have."""
    with suppress(OSError, ValueError):
        resource.setrlimit(what, (soft, soft if hard is None else hard))
