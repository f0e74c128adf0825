"""Real MCP servers made with the SDK, as processes, and raw ones that only misbehave.

- `__main__`: the servers: over HTTP at `/sse` and `/json`, of the older protocol at `/old`, or over standard input
- `processes`: starts and kills them
- `raw`: `RawServer`, which answers HTTP requests byte by byte
"""

from .processes import HttpServers, stdio_command
from .raw import RawServer

__all__ = ["HttpServers", "RawServer", "stdio_command"]
