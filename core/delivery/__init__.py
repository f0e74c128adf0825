"""From a growing reply to messages on a platform.

`markdown` cuts text into pages, `painter` decides what a message should show, `layout` keeps which words stand in
which message, and `wish` says what could be done next (all pure); `pacing` reckons the edit budgets (pure).
`canvas` is one answer between its writer and the brush; `brush` is the one place that performs, through the one
`gate` that every platform call passes.
"""
