"""The tools that a model may call: those of MCP servers, and built-in ones.

registry    `Toolbox`: which tools are offered for a turn, and how their calls run
policy      which calls run, which a person approves first, which are refused    pure
find_tool   which tools are offered where there are too many                     pure
names, schemas    what models take                                               pure
results     what a tool gave back, as the model reads it
builtin     the time; earlier: messages, and words: what to look for in them
links       pages of the Internet; page_text: their words                             pure
"""
