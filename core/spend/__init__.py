"""The cost of answers.

prices          money in millionths of a unit                pure
cost_text       costs as people read them                    pure
periods         days, weeks and months of a time zone        pure
budgets         the limits in force, and their decision      pure
budget_checks   checks questions against them
budget_queue    the order of the answers that wait for them
budget_text     budgets as people read them                  pure
budget_lifts    an admin allows a limit once more
used_up         the limits that are used up now
budget_alerts   alerts about budgets, in the language of their channel
report          the arithmetic of a report's figures         pure
charts          the chart of a report, and it in words       pure
chart_renderer  draws a chart in a child process
chart_child     the child process: matplotlib is imported there alone
schedules       the times at which reports are due           pure
report_text     a report as Markdown                         pure
operation_text  the operators' own report as Markdown        pure
usage_table     usage and opinions as CSV and JSON           pure
usage_report    reports from the store, for the people of a channel
"""
