"""English. Short, calm, no blame, one next step."""

PHRASES: dict[str, str | dict[str, str]] = {
    # What went wrong.
    "bad_request": "Something in my request wasn't accepted. That's on my side, and it has been logged.",
    "too_long": "This conversation is too long for the model now. Start a new thread or ask something shorter.",
    "policy": "The AI service declined to answer this one. Rephrasing may help.",
    "down": "I can't reach the AI service right now. Please ask again later; whoever runs me can look it up.",
    "no_model": "The AI model set for me isn't available. Whoever runs me can choose another one.",
    "busy": "The AI service is busy right now. I tried a few times. Please ask again in a minute.",
    "busy_for": {
        "one": "The AI service asks for a short break. Please ask again in about {n} second.",
        "other": "The AI service asks for a short break. Please ask again in about {n} seconds.",
    },
    "slow": "The answer took longer than it should, so I stopped waiting. Ask again, or ask something shorter.",
    "unfinished": "The AI service hung up before it had answered. Please ask again.",
    "empty": "The model returned an empty answer. Please ask again.",
    "store_down": "I can't write anything down right now, so I can't take your question. Please ask again soon.",
    "internal": "Something went wrong on my side. It has been logged. Please ask again.",
    "ref": "(ref {ref})",
    # Under an answer.
    "stop": "Stop",
    "again": "Try again",
    "continue": "Continue",
    "stopped": "Stopped.",
    "withdrawn": "The question was deleted, so I stopped.",
    "cut": "The answer was interrupted here.",
    "length": "The answer reached the length limit here.",
    "policy_end": "The AI service stopped the answer here.",
    # The usage summary.
    "digest_title": "**Usage from {since} to {until}**",
    "digest_questions": {"one": "{n} question", "other": "{n} questions"},
    "digest_people": {"one": "by {n} person", "other": "by {n} people"},
    "digest_tokens": "{prompt} tokens read, {completion} written",
    "digest_cost": "cost: {cost}",
    "digest_no_price": "cost: not known (no prices are set)",
    "digest_errors": {"one": "{n} question ended in an error", "other": "{n} questions ended in an error"},
    "digest_quiet": "No questions were asked.",
    # Slash commands: names and what they do.
    "command_ask": "ask",
    "command_ask_about": "Ask Parley a question",
    "command_ask_question": "question",
    "command_ask_question_about": "What you would like to know",
}
