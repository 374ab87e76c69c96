"""Reads the chart's rules and dashboards, and says what is wrong with them."""
