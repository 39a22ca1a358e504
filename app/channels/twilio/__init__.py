"""Twilio, and everything that speaks its dialect: webhooks in, REST out."""
