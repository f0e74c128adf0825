"""What the core asks of the packages around it: `connector` (platforms), `model` and `store`."""
