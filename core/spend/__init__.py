"""What answers cost, and the summary that tells it."""
