"""The cht-gateway protocol: a phone with a local SIM that asks us what to send."""
