"""From a stored turn to its answer: `worker` runs turns, one at a time in each place; `turn` is one of them
from end to end; `prompt` (pure) makes the list of messages the model is given."""
