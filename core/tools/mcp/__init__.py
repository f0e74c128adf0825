"""MCP servers as sources of tools.

server      `McpServer`, the `ToolSource`: what is offered, when it connects, what is repeated
connection  one client, entered and left by a task of its own
http, stdio the two transports, which bound what a server sends; lines: lines of bounded length    pure
results     what servers list and give back, as the core has it                                    pure
errors      why a call gave no result

Only `server` and `errors` may be imported where no server is configured: the others import the SDK, which costs a
second and 55 MB.
"""
