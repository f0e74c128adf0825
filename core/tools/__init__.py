"""The tools that a model may call: those of MCP servers, and built-in ones.

registry    `Toolbox`: the tools that a turn is offered, and the running of their calls
policy      decides which calls run, which wait for a person, which are refused  pure
find_tool   chooses the tools that are offered where there are too many          pure
words       the words of a query for tools                                       pure
names, schemas    names and schemas of tools in the form that models take        pure
results     the result of a tool as the model reads it
config      the tool servers of `parley.toml`                                    pure
builtin     the built-in tools, as a source
earlier     reads earlier messages, and searches earlier answers
links       reads pages of the Internet; page_text: their text                   pure
mcp         MCP servers; server_checks: the checks of `parley doctor` of them
"""
