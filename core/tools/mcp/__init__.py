"""MCP servers as sources of tools.

server      `McpServer`, the `ToolSource`: offers tools, connects, repeats calls
connection  one client, entered and left by a task of its own
http, stdio the two transports, which bound what a server sends
lines       lines of bounded length                                                                pure
tokens      what JSON messages cost to parse                                                       pure
results     tools and results of servers as values of the core                                     pure
errors      the causes for which a call gives no result

Only `server` and `errors` may be imported where no server is configured: the others import the SDK, which costs a
second and 55 MB.
"""
