"""The live view for any Ray Tune run of your own: `tune.RunConfig(callbacks=[LiveView()])`.

What Ray's callbacks say is put into the words of a study's journal, which `hpt_lessons.view.live.model` understands.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from ray.tune import Callback

from hpt_lessons.progress import in_notebook
from hpt_lessons.raytune.results import last_line, own_metrics
from hpt_lessons.view.live.model import SearchModel


class LiveView(Callback):
    """Shows a search while `fit()` or `tune.run` is at work: widgets in a notebook, lines of text elsewhere.

        tune.RunConfig(verbose=0, callbacks=[LiveView(metric="loss")],
                       progress_reporter=SilentReporter())

    `metric` is what the trials are compared by, `mode` "min" or "max" (left out: accuracy is maximised, everything else
    minimised), `scope` the epoch that counts, "last" or "all" for the best one; `max_epochs`, the reports of a trial
    that is not stopped, makes the time left better known. Stop the search by interrupting the kernel, or with Ctrl-C:
    Ray ends it in good order, and the view shows what there is.
    With `verbose=0` Ray prints nothing of its own; with `SilentReporter` (`hpt_lessons.raytune.adapters`) it does not
    clear a notebook cell either, and what the cell printed before stays. `spent` is the processor time that the
    view took, in seconds.
    """

    def __init__(
        self,
        metric: str = "loss",
        mode: str | None = None,
        *,
        scope: str = "last",
        max_epochs: int | None = None,
        name: str = "search",
    ) -> None:
        self._arguments = {"metric": metric, "mode": mode, "scope": scope, "max_epochs": max_epochs, "name": name}
        self.model = SearchModel(**self._arguments)
        self.view: Any = None
        self._cut: dict[str, int] = {}  # who was told to stop, and after which epoch
        self._broken = False

    def __reduce__(self):
        # Ray pickles the callbacks with the tuner, for a restore: widgets cannot travel, and a fresh view is as good.
        return (_again, (self._arguments,))

    def __repr__(self) -> str:
        return f"LiveView({self.model.metric!r})"

    @property
    def spent(self) -> float:
        """Seconds of processor time that the view took."""
        return getattr(self.view, "spent", 0.0)

    # -- what Ray says -----------------------------------------------------------------------------------------------

    def setup(
        self, stop: Any = None, num_samples: int | None = None, total_num_samples: int | None = None, **info: Any
    ) -> None:
        planned = total_num_samples if total_num_samples and total_num_samples > 0 else None
        arguments = {**self._arguments, "num_trials": planned}
        if arguments["max_epochs"] is None and isinstance(stop, Mapping):
            arguments["max_epochs"] = stop.get("training_iteration")
        self.model = SearchModel(**arguments)
        self._cut, self._broken = {}, False
        self._try(self._show)

    def on_trial_start(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        self._try(self._apply, "trial", trial, {"config": _plain(trial.config)})

    def on_trial_result(self, iteration: int, trials: list, trial: Any, result: dict[str, Any], **info: Any) -> None:
        self._try(self._apply, "result", trial, {**own_metrics(result), "epoch": result["training_iteration"]})
        if result.get("done"):
            self._cut[trial.trial_id] = result["training_iteration"]

    def on_trial_complete(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        self._try(self._end, trial)

    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        self._try(self._apply, "end", trial, {"status": "failed", "why": last_line(trial)})

    def on_step_end(self, iteration: int, trials: list, **info: Any) -> None:
        self._try(lambda: self.view.update_if_due())

    def on_experiment_end(self, trials: list, **info: Any) -> None:
        for name in self.model.unfinished:
            self.model.apply({"event": "end", "trial": name, "status": "interrupted"})
        self.model.alive = False
        self._try(lambda: self.view.update())

    def _show(self) -> None:
        if not in_notebook():
            from hpt_lessons.view.live.text import SearchText

            self.view = SearchText(self.model)
            return
        from IPython.display import display

        from hpt_lessons.view.live.widget import SearchView

        self.view = SearchView(self.model)
        display(self.view)

    # -- put into our words ------------------------------------------------------------------------------------------

    def _try(self, act: Callable[..., Any], *arguments: Any) -> None:
        """Whatever goes wrong with looking at it, the search goes on."""
        if self._broken:
            return
        try:
            act(*arguments)
        except Exception as error:
            self._broken = True
            warnings.warn(
                f"LiveView shows nothing more ({type(error).__name__}: {error}); the search goes on.", stacklevel=2
            )

    def _apply(self, kind: str, trial: Any, more: Mapping[str, Any]) -> None:
        self.model.apply({**more, "event": kind, "trial": trial.trial_id})  # whatever a user's metric is called

    def _end(self, trial: Any) -> None:
        row = self.model.rows.get(trial.trial_id)
        broke = row is not None and row.results and self.model.broke(row.results[-1])
        self._apply("end", trial, {"status": "diverged" if broke else "completed"})
        self._name_the_cut()

    def _name_the_cut(self) -> None:
        """Ray does not say why a trial was told to stop: early is who was, and had fewer epochs than the longest."""
        for name, epoch in self._cut.items():
            if self.model.rows[name].status in ("completed", "stopped"):
                status = "stopped" if epoch < (self.model.longest or 0) else "completed"
                self.model.apply({"event": "end", "trial": name, "status": status})


def _again(arguments: dict[str, Any]) -> LiveView:
    return LiveView(**arguments)


def _plain(config: Any) -> dict[str, Any]:
    """A configuration to be shown: whatever is no number and no text by its short name."""
    if not isinstance(config, Mapping):
        return {}
    return {
        str(key): value if isinstance(value, int | float | str | bool | None | Mapping) else f"{value!r:.40}"
        for key, value in config.items()
    }
