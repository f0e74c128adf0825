"""The values that every package passes to every other. All are frozen; none does I/O.

A platform turns its payload into an event of `events`; the inbox stores an `Ask` of `conversation`, which has one of
the `tasks`, as a `Turn`; the runner turns a turn into `Message`s, each made of `parts`, for the model, which answers
in the `deltas`; the runner folds them into the `Reply` of `outgoing`, always the complete view; the delivery cuts a
reply into pages, and has the platform perform the calls of `outgoing`. Rounds, tool results and approvals of a turn
are its `steps`, its end is in `turn_ends`, what answers used in `usage`. Buttons, forms and immediate replies
are in `ui`, places and people in `places`.
"""
