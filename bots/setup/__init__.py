"""Setting up: the commands that make an installation and check one.

    init             `parley init`: asks, writes `.env` and `parley.toml`, prints the guides
    options          its options on the command line
    interview        its questions; terminal: the person who answers them
    answers          what was answered, as settings                             pure
    answer_checks    the kinds of tokens, and each setting as a start checks it
    machine          the language and the time zone of this machine, as suggestions
    env_file         changes settings in the text of a `.env` file              pure
    toml_file        endpoints and models as `parley.toml`                      pure
    private_files    writes files that only their owner may read
    doctor           `parley doctor`: runs all checks side by side
    report           the findings as lines and as JSON                          pure
    settings_checks  the settings, and the files that hold them
    hosts            the hosts that have to be reached, and the clock
    port_check       the port of Parley's own HTTP server
    platforms        each platform's part: checks, hosts, guides, kinds of tokens

The other checks are in the packages that they are about: `core.llm.endpoint_checks`, `core.tools.server_checks`,
`storage.checks`, and `checks` of a platform.
"""
