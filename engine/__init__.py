"""NSPS: a PortaBilling event in, every external system in step.

The story, in the order of the files that tell it:

    1  receive    authenticate, check, hand to the store, answer
    2  route      event -> the pipelines that take it, and why the others do not
    3  enqueue    delivery ids -> Dramatiq, in batches, now
    4  enrich     event -> facts (pb_data): calls that can run together do
    5  map        facts -> vars
    6  render     vars -> request
    7  dispatch   request -> reply -> verdict, step by step
    8  record     what happened -> attempt, outcome and next time

`journey` composes 4 to 7 and is pure: effects are arguments. `worker` claims deliveries and walks each through it,
`sweep` finds what is due, stalled or was forgotten, and the store (`storage`) owns truth and time.
"""
