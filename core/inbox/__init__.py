"""Receives events: each becomes a turn, a message of a thread, a command, or nothing, with its reason.

inbox              takes every event; stores before it returns
questions          messages and commands: a turn, held, context, or refused
button_presses     stop, answer again, go on, rate
approvals          tool calls that a person approves or not, and requests without an answer
routing            classifies a message: question, context, or neither  pure
eligibility        decides if a person may have an answer now, and if a refusal is explained
admission          holds questions until their author is known
membership         the teams of a person in direct messages
rate_limit         questions a person asks in a minute
teams              the team of rows and channels that were named without one
catch_up           reads missed events before the first turn begins
backfills          a backfill for each connection of an installation
team_backfills     those of installations that teams have made themselves, by one timer
backfill           reads messages sent while a connection was not there
deleted_questions  drops open questions that were deleted meanwhile
interruptions      takes the events that other replicas tell of
quotes             has quoted transcripts removed once their clips are deleted
"""
