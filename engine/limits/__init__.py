"""Who may call now: one module per place where that is kept, and a literal table of them by the scheme of `queue:`.

Processes that share a queue in Redis share their limits there too; where all is one process, its memory will do. RabbitMQ
keeps no numbers: there each process has the part of a limit that falls to it.
"""
