"""The values that every package passes to every other. All are frozen; none does I/O.

A platform turns its payload into an event of `events`. The inbox stores an `Ask` of `conversation`, which has one of
the `tasks`, as a `Turn`. The runner turns a turn into `Message`s for the model, each made of `parts`, and offers it the
`tools` of the place. The model answers in `deltas`, which the runner folds into the `Reply` of `outgoing`, always the
complete view. The delivery cuts a reply into pages, and has the platform perform the calls of `outgoing`.

Rounds, tool results and approvals of a turn are its `steps`; its end is in `turn_ends`, the cause of a failure in
`failures`, the usage of answers in `usage`, the prices of models in `prices`, budgets in `budgets`, the figures of a
usage report in `report`, and those of the operators' report in `operation`. Earlier answers that a later one may cite
are in `memory`, summaries of long threads in `summaries`. Buttons, forms and immediate replies are in `ui`, places and
people in `places`, traits of a platform in `platform`, installations that teams have
made themselves in `installations`, model accounts of teams in `model_accounts`, checks of the installation in `checks`,
the processes that share a database in `replicas`.
"""
