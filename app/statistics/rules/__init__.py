"""The rules of statistics, pure: dimensions, periods, percentiles, targets, and what may be published."""
