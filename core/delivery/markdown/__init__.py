"""Markdown as models write it, for platforms that show less of it. Pure, and linear in the length of the text.

parser       blocks, spans and marks with their places (markdown-it-py)
tail         blocks and marks that are open at the end of a text
pages        page edges that close and reopen blocks and marks
growing      the part of an unfinished text that can be shown
dialect      conversion for platforms with less Markdown: tables and formulas as code, ...
code_ranges  the parts of a text that are certainly code
spoilers     words between `||`
"""
