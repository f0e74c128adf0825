"""Setting up: the commands that make an installation and check one.

    doctor           `parley doctor`: runs all checks side by side
    report           the findings as lines and as JSON                          pure
    settings_checks  the settings, and the files that hold them
    hosts            the hosts that have to be reached, and the clock
    platforms        the checks and hosts of each platform

The other checks are in the packages that they are about: `core.llm.endpoint_checks`, `core.tools.server_checks`,
`storage.checks`, and `checks` of a platform.
"""
