"""`python -m tests.bench [name [arguments]]`: measures, prints, draws. Without a name, every bench in turn."""

from __future__ import annotations

import sys
from importlib import import_module

BENCHES = (
    "engine",
    "files",
    "meaning",
    "memory",
    "page",
    "paint",
    "replicas",
    "reports",
    "spend",
    "start",
    "threads",
    "tools",
    "wire",
    "workspaces",
)


def main() -> None:
    name, *arguments = sys.argv[1:] or [""]
    if name and name not in BENCHES:
        sys.exit(f"no bench is called {name}; there are: {', '.join(BENCHES)}")
    for bench in [name] if name else BENCHES:
        import_module(f"tests.bench.{bench}").main(arguments)


if __name__ == "__main__":
    main()
