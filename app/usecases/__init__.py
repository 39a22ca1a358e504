"""One readable function for each thing that people do with Spean, and the transaction it runs in."""
