"""Shows a growing reply in messages on a platform.

    scheduler     one a platform: gives each slot of the rate limits to the answer that needs it most
    answer        one answer between its turn and the scheduler
    next_call     the calls that an answer could make next       pure
    call_failures the next step after a failed call              pure
    page_layout   assigns the words of an answer to its messages pure
    page_state    the state of each message                      pure
    page_view     the page that a message shows                  pure
    picture_queue the pictures of an answer, behind its text     pure
    shown_tasks   the tool calls that a growing message shows    pure
    rate_limits   the time of the next call, and its answer      pure
    markdown      page edges, growing Markdown, dialects         pure

Every platform call passes `core.platform_calls`.
"""
