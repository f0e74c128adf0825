"""The tools that a model may call: those of MCP servers, and built-in ones.

registry    `Toolbox`: which tools are offered for a turn, and how their calls run
"""
