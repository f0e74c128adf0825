"""From a growing reply to messages on a platform.

`markdown` cuts text into pages and `painter` decides what each message should show (pure); `pacing` reckons
the edit budgets (pure); `brush` is the one place that performs, through the one `gate` that every platform
call passes.
"""
