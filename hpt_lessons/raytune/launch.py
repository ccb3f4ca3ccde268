"""How does a search on Ray Tune run while the notebook goes on? As any other: `launch` is that of `study.running`."""

from hpt_lessons.study.running import Running, launch

__all__ = ["Running", "launch"]
