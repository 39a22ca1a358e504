"""The loops that act by themselves: reception, timers, outbox."""
