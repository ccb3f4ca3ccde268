"""Found first by Ray's processes (see `__init__.py`): then jsonschema does without it."""

raise ImportError("rfc3987_syntax is hidden from Ray's processes")
