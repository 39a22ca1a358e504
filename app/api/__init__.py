"""The JSON doors for the field app, supervisors and operators."""
