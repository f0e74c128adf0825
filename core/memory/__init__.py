"""A team's memory: answered questions that later answers may cite.

tokens    the words of a text, as they are indexed and looked for
"""
