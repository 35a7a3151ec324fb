"""PortaBilling and external systems to develop and demonstrate against.

They answer as the documents say, and break on command as real systems do not. A simulator is never a proof that something real
works: where the documents are silent it answers what we inferred, which is what our own connector expects.
"""
