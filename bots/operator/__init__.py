"""The operator's page at `/operator`: what Parley does now, and what went wrong. HTML that the server makes, no script.

    routes    the routes, and the checks before each of them
    forms     short forms of one kind, within a time
    access    the token, sessions of browsers, wrong tries              pure
    layout    the frame of the pages, the form to sign in               pure
    view      the reader's language and time; tables                    pure
    markup    HTML from values                                          pure
    sections  the protocol of a section and of an action
    running   answers that run or wait
    failures  failures by their references, and their retry
    usage     usage by day, model and channel
    budgets   limits that refuse questions, and their lift
    opinions  thumbs with their reasons
    platforms platforms, accounts, alerts, rate limits
    replicas  the processes that share the database
    tools     servers of tools, and approvals that are waited for
    settings  settings in force with their origin
    audit     who changed what

A section reads its values through the callables and protocols that it is given, and makes its content of them. It knows
no platform and no database.
"""

from __future__ import annotations

from bots.operator.routes import OperatorRoutes, PageReader

__all__ = ["OperatorRoutes", "PageReader"]
