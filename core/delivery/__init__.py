"""Shows a growing reply in messages on a platform.

    scheduler    one a platform: gives each slot of the rate limits to the answer that needs it most, and performs
    answer       one answer between its turn and the scheduler
    next_call    what could be done next for an answer          pure
    page_layout  which words are in which message               pure
    page_view    what a message shows                           pure
    shown_tasks  which tool calls a growing message shows       pure
    rate_limits  when the next call may go, and whose it is     pure
    markdown     page edges, growing Markdown, dialects         pure

Every platform call passes `core.platform_calls`.
"""
