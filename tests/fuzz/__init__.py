"""Random streams through everything that reads one: no crash, no hang, bounded memory. `make fuzz`."""
