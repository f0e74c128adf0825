"""One event in: a turn, a message of a thread, a command, or nothing, each with its reason.

inbox              takes every event; stores before it returns
routing            is a message a question, context, or neither      pure
admission          holds questions until it is known who asked
membership         the teams of a person who writes directly
rate_limit         questions a person asks in a minute
backfill           reads what was said while nobody listened
deleted_questions  drops open questions that were deleted meanwhile
"""
