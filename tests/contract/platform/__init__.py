"""The contract of every chat platform: one suite, each platform through its real SDK on loopback.

The docstrings of `Connector` and `Installation` in `core.ports.connector` are the contract. A method, a call or
a failure that is added there and not held here fails `test_the_whole_boundary_is_held`. A test of an action
that a platform lacks is skipped with the reason.
"""
