"""The tests: rules, rooms, use cases, edges, journeys, and the peers that play the outside world."""
