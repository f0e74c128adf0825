"""The cost of answers.

prices        money in millionths of a unit       pure
usage_report  the period of a report, and its text
"""
