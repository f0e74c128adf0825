"""A team's memory: answered questions that later answers may cite.

tokens    the words of a text, as they are indexed and looked for
audience  the channels and threads that an answer may use, by who reads it; pure
citations the numbers in an answer that cite earlier ones; pure
"""
