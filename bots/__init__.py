"""The program: platforms, the HTTP server and what runs beside them.

    app          creates every package's objects and connects them
    programs     starts and ends what `cli` names: `parley run`, `parley summary --now`
    startup      waits for the database; supervisor: keeps every platform running; jobs: the tasks of the program
    http         health, metrics and the routes of platforms; connections: how many it holds
    health       the database, each platform's calls, the event loop
    timers       the daily summary; retention: removes what is stored for a limited time
    settings     every setting as text

Shared by platforms:

    downloads    files from a platform's own hosts
    reading      one unreadable message costs that message alone

    slack, discord, web    a platform each
"""
