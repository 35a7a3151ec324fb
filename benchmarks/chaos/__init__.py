"""`make chaos`: the survival program. Real processes are killed, stopped, cut off and starved while events flow.

A target writes down every request it takes; a sender like PortaBilling's repeats until it is answered 200. Afterwards the
ids are compared: what was accepted must have taken effect or stand in the store, and what took effect twice must be
explained by a kill. docs/reliability.md holds the table that a run prints.
"""
