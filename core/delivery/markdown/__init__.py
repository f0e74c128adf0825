"""Markdown as models write it, for platforms that show less of it. Pure, and linear in the length of the text.

pages        page edges that leave no fence or table open
growing      how much of a text that is still being written can be shown
dialect      tables set as code, deep headings as bold
fences       fenced code blocks, as CommonMark reads them
code_ranges  where a text is surely code
spoilers     words between `||`
"""
