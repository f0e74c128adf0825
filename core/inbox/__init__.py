"""One event in: a turn, a line of the thread's memory, or nothing, each with its reason. `catchup` reads on what no
event told of."""
