"""The settings of ``[docflow]`` that say when an outage is one, and how fast a system is asked after it."""

from __future__ import annotations

from airflow_provider_docflow.ledger.ramp import Pace


def configured_pace() -> Pace:
    """Return the settings of ``[docflow]``.

    :raises Misconfigured: a number is out of range.
    """
    from airflow.sdk import conf

    default = Pace()
    return Pace(
        threshold=conf.getint("docflow", "outage_threshold", fallback=default.threshold),
        probe_seconds=conf.getfloat("docflow", "outage_probe_seconds", fallback=default.probe_seconds),
        ramp_start=conf.getint("docflow", "ramp_start", fallback=default.ramp_start),
        ramp_seconds=conf.getfloat("docflow", "ramp_seconds", fallback=default.ramp_seconds),
        ramp_periods=conf.getint("docflow", "ramp_periods", fallback=default.ramp_periods),
    )
