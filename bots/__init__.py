"""The program: platforms, the HTTP server and the tasks beside them.

    cli          the entry point, which hears signals from the first moment; commands: the command line
    command_parts  the parts that commands share; workspace_commands: `parley workspaces`; account_commands: those of
                 their model accounts
    config       all settings, read and checked
    reload       applies settings at SIGHUP; config_changes: the names of those that changed
    live_parts   the model and the tools, made anew at a reload
    tool_servers runs tool servers for as long as an answer may use them
    app          creates every package's objects and connects them
    created_connectors  the platforms that are set up
    programs     starts and ends the programs of `commands`: `parley run`, `parley summary --now`
    start_lines  the lines of a start about keys and models
    preparations  prepares, once it is ready, what a start leaves out
    startup      waits for the database; supervisor: keeps every platform running; jobs: the tasks of the program
    replicas     this process as one of several on a PostgreSQL
    http         health, metrics and the routes of platforms; connections: their limit
    operator     the operator's page; operator_pages: connects it with what runs
    heap         keeps the C library's heap small
    health       the database, each platform's calls, the event loop; measurements: gauges for Prometheus
    telemetry    traces by OpenTelemetry
    operation_report  the operators' own report, once a week
    timers       the daily summary; retention: removes data that is stored for a limited time
    ended_installations  stops the answers of teams that removed the app, and removes their data
    key_rotation encrypts stored tokens with the newest key
    setup        `parley init` and `parley doctor`
    settings     every setting as text; exports: the tables of `parley usage` and `parley feedback`
    backup       an SQLite database in one file, and back; company_export: all records as JSON lines
    failures     failures by their references, and failed questions that are asked again
    replica_table  `parley replicas`; running_programs: the `parley run` that a command works beside

Shared by what serves pages:

    guard        refuses requests by host and origin
    bodies       reads bodies of requests, up to a length and within a time
    accept_language  the language that a browser asks for

Shared by platforms:

    downloads    files from a platform's own hosts; fenced_requests: requests that pass the fence
    reading      one unreadable message costs that message alone

    slack, discord, web    a platform each
"""
