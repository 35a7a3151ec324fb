"""JMESPath selects, Jinja2 renders: both compiled once, strict, sandboxed."""
