"""Several `parley run` on one PostgreSQL: each place is answered by one of them at a time.

    notices     what replicas tell each other: turns for their owners, events, changed settings
    partitions  the partition of a place: 256 of teams, and one for each gateway shard of Discord
    assignment  who should hold which partition: a pure function of the members
    session     the one direct session of a replica: its locks, its pings, the epochs, and what it hears
    ownership   `SharedOwnership`: `core.turns.ownership` over that session
    overview    the replicas with what each holds, as an operator sees them
    starts      turns for the starts of gateway connections, over all replicas

Exclusivity: a partition belongs to the session that holds its advisory lock, which PostgreSQL gives to one session.
A mistake in `assignment` costs balance, never safety.

Lease: the server ends a session that has been idle for `session.IDLE_S`, and frees its locks. A replica stops its calls
to platforms `ownership.LEASE_S` after it sent the last ping that was answered, which is earlier: so a process that was
frozen makes no call for a place that another answers. That is asked before a call begins, and again where each of its
requests is written (`core.call_fence`). Each side measures its own time; no wall clocks are compared. A transaction in
which a process stands still is ended before, since its rows are those of answers that others go on with
(`storage.postgres.IDLE_TRANSACTION_S`).

Fence: each gain of a partition takes a greater epoch from one sequence, and no two partitions ever have the same. A
turn is begun in the epoch of its partition, which the same statement checks; its checkpoints and its end are stored
where the turn is still of that epoch.

Order: a turn begins where no older one of its place is open, which the same statement checks too. Notifications are
hints: what one of them should have told is found by the next look at the ledger. Two messages of one place that two
replicas hear within a few milliseconds may be stored in the other order. The newer one is then answered first if it has
begun by then, and the older one right behind it: a wait that excludes this would delay every question. After trouble
new answers do wait: where the session broke, until missed messages of the place have been read; where a member has
gone, `ownership.SETTLES_S`. Not covered is a replica that alone loses its connection while it stores a question, and an
event of Slack that a replica was given right before it froze: Slack gives it to another one after some seconds, and a
later question of its thread may have been answered by then. To know of it would take a read of the thread for each
question, or a wait of all questions for as long as any replica is silent.
"""
