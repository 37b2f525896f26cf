"""Live or shadow: what the deployment, the run, the DAG or the task asks for. An unknown word stops it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from airflow_provider_docflow import exceptions as exc

RunMode = Literal["live", "shadow", "poke", "reschedule"]
"""The last two are sensors' own, and live."""

SWITCH = "docflow_mode"
"""Key of a DAG's params, or of a run's conf, that asks for shadow."""

_OWN = frozenset({"poke", "reschedule", "observe", "request"})
"""What sensors and approvals call their own mode."""

LIVE, SHADOW = "live", "shadow"


def shadow_everywhere() -> bool:
    """Tell whether the whole deployment runs in shadow: ``[docflow] mode``.

    :raises Misconfigured: the option is neither ``live`` nor ``shadow``.
    """
    from airflow.sdk import conf

    return is_shadow_word(conf.get("docflow", "mode", fallback=LIVE), "[docflow] mode")


def is_shadow_word(word: str, field: str) -> bool:
    """Tell whether a word asks for shadow; a word that nobody knows must not mean live.

    :raises Misconfigured: it is neither ``live`` nor ``shadow``.
    """
    if word not in (LIVE, SHADOW):
        raise exc.Misconfigured(
            f"{word!r} is no mode; nothing is done.", field=field, remedy=f"Use {LIVE} or {SHADOW}."
        )
    return word == SHADOW


def is_shadow(operator: Any, context: Mapping[str, Any]) -> bool:
    """Tell whether a task runs in shadow: the deployment, the run, the DAG or the task itself asks for it.

    :raises Misconfigured: a mode is neither ``live`` nor ``shadow``.
    """
    words = [("mode", operator.docflow_mode), ("mode", getattr(operator, "mode", ""))]
    words += _run_words(context)
    if {word for _, word in words} & _OWN:
        # What has a mode of its own under this name would hide what the DAG says.
        words += _dag_words(operator)
    return _asked(words) or shadow_everywhere()


def is_run_in_shadow(context: Mapping[str, Any]) -> bool:
    """Tell whether what a callback is about runs in shadow, as far as its context says.

    :raises Misconfigured: a mode is neither ``live`` nor ``shadow``.
    """
    task = context.get("task")
    own = [("mode", getattr(task, SWITCH, ""))]
    words = [*own, *_run_words(context), *_dag_words(task), *_dag_words(context.get("dag"))]
    return _asked(words) or shadow_everywhere()


def _asked(words: Sequence[tuple[str, Any]]) -> bool:
    # Every word is looked at: one that nobody knows must not pass because another is known.
    return True in [is_shadow_word(str(word), field) for field, word in words if word and word not in _OWN]


def _run_words(context: Mapping[str, Any]) -> list[tuple[str, Any]]:
    run = context.get("dag_run")
    return [
        (f"params.{SWITCH}", _plain(context.get("params")).get(SWITCH)),
        (f"conf.{SWITCH}", _plain(getattr(run, "conf", None)).get(SWITCH)),
    ]


def _dag_words(task: Any) -> list[tuple[str, Any]]:
    owners = (task, getattr(task, "dag", None), getattr(task, "task_group", None))
    found = [_plain(getattr(owner, "default_args", None)).get("mode") for owner in owners]
    return [("default_args.mode", word) for word in found]


def _plain(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}
