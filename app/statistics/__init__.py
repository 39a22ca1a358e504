"""What happened, in figures: indicators, what may be published of them, and a report to hand on."""
