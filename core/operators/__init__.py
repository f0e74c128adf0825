"""Alerts and metrics for operators.

alerts       one alert a cause and hour, and one when it is over
alert_turns  posts alerts to the operators' channels
failure_log  stores the causes of alerts, and of commands that failed
failure_text  words about a failure
counts       counts of the operators' report
metrics      counters, gauges and histograms for Prometheus
"""
