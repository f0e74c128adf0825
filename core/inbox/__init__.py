"""One event in: a turn, a message of a thread, a command, or nothing, each with its reason.

inbox              takes every event; stores before it returns
questions          messages and commands: a turn, held, context, or refused
button_presses     stop, answer again, go on, rate
routing            is a message a question, context, or neither      pure
eligibility        may a person have an answer now, and are they told why not
admission          holds questions until it is known who asked
membership         the teams of a person who writes directly
rate_limit         questions a person asks in a minute
teams              the team of rows and channels that were named without one
catch_up           what happened while Parley was away, before the first turn begins
backfill           reads messages sent while Parley was not connected
deleted_questions  drops open questions that were deleted meanwhile
"""
