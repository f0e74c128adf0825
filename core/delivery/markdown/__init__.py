"""Markdown as models write it, for platforms that show less of it. Pure, and linear in the length of the text.

parser       blocks, spans and marks with their places (markdown-it-py)
tail         what is open at the end of a text
pages        page edges that leave nothing open
growing      how much of a text that is still being written can be shown
dialect      what platforms with less Markdown are given: tables and formulas as code, ...
code_ranges  where a text is surely code
spoilers     words between `||`
"""
