"""Cases: their members, notes, stages, tasks and timeline."""
