"""Answers stored turns.

queue        turns of a place run one at a time, in order
runner       runs one turn from end to end
writer       the step loop of one answer: asks the model, runs its tool calls, shows the text as it comes
answer_parts the model and the tools of an answer, which a reload replaces
draft        the steps of an answer that is being written, and their text
activity     the tool calls of an answer as readers see them (pure)
round_requests  the requests of the rounds of an answer (pure)
answer_budgets  what an answer may spend, reserved before each round
pictures     the pictures of tool results as readers see them (pure)
transcripts  transcripts of voice clips above the answer (pure)
approval_view  the request to approve calls as people see it (pure)
hidden_links hosts that a tool's result hides, as words without a link (pure)
ending       the finish, notice and buttons of an answer (pure)
answer_sources  the sources that an answer cites
shown_answers  shows answers again that have ended, after something around their text has changed
conclusion   the last view of an answer, also where the platform takes no more of it
announcements  the text and place of usage reports
store_retry  store calls that are retried until the database is back
running      the turns that wait or run here: one object each, in one dictionary
overview     the turns that wait or run here, as an operator sees them (pure)
thread_summaries  sums up the beginnings of long threads in the background
question_embeddings  the vectors of questions: of one that is asked, and of those before in the background
interrupts   interrupts of answers, also before they are written
checkpoints  partial answers, stored once a second
ownership    the places in which this process answers
resumptions  answers that were broken off go on before new ones begin
recovery     submits open turns that no queue has
"""
