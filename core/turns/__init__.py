"""A stored turn becomes an answer.

queue        turns of a place run one at a time, in order
runner       one turn from end to end
writer       the step loop of one answer: asks the model, runs its tool calls, shows the text as it comes
draft        the steps of an answer that is being written, and their text
activity     the tool calls of an answer as readers see them (pure)
hidden_links hosts that a tool's result hides, as words without a link (pure)
ending       the finish, notice and buttons of an answer (pure)
conclusion   the last view of an answer, also where the platform takes no more of it
announcements  the text and place of what Parley posts unasked
store_retry  store calls that are retried until the database is back
running      the turns that wait or run here: one object each, in one dictionary
interrupts   what interrupts an answer, before it is written too
checkpoints  partial answers, stored once a second
ownership    which places this process answers in
recovery     open turns that no queue has
"""
