"""sqlite-utils' Database, without the pandas that it imports wherever it finds one.

Nothing here uses a data frame, and pandas, which the factor model brings along, is 70 MB of a session's memory.
"""

from __future__ import annotations

import sys

_ABSENT = object()
_pandas = sys.modules.get("pandas", _ABSENT)
sys.modules["pandas"] = None  # type: ignore[assignment]  # so written, an import finds nothing
try:
    from sqlite_utils import Database
finally:
    if _pandas is _ABSENT:
        del sys.modules["pandas"]
    else:
        sys.modules["pandas"] = _pandas  # type: ignore[assignment]

__all__ = ["Database"]
