"""Alerts and metrics for operators.

alerts       one alert a cause and hour, and one when it is over
alert_turns  posts alerts to the operators' channels
counts       counts of the operators' report
metrics      counters, gauges and histograms for Prometheus
"""
