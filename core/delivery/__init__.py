"""From a growing reply to messages on a platform.

`markdown` cuts text into pages, `painter` decides what a message should show, `layout` keeps which words stand in
which message, and `next_call` says what could be done next (all pure); `pacing` reckons the edit budgets (pure).
`delivery` is one answer between its writer and the scheduler; `scheduler` is the one place that performs, through
the one
`platform_calls` that every platform call passes.
"""
