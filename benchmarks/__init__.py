"""What Spean can bear: each figure a ratio inside one run, because machines are shared and differ."""
