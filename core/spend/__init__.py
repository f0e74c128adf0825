"""The cost of answers.

prices        money in millionths of a unit                pure
periods       days, weeks and months of a time zone        pure
report        the arithmetic of a report's figures         pure
usage_report  the period of a report, and its text
"""
