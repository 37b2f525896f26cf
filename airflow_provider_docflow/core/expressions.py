"""Bare Jinja expressions, compiled in a sandbox; what is empty is neither joined nor taken apart silently."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from airflow_provider_docflow import exceptions as exc

Expression = Callable[..., Any]
_PATH = re.compile(r"\b[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[\d+\])+")
_STEP = re.compile(r"\w+")


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.compiler import CodeGenerator
    from jinja2.sandbox import SandboxedEnvironment

    class Generator(CodeGenerator):
        def visit_Concat(self, node: Any, frame: Any) -> None:
            self.write("environment.joined((")
            for member in node.nodes:
                self.visit(member, frame)
                self.write(", ")
            self.write("))")

    class Environment(SandboxedEnvironment):
        code_generator_class = Generator
        joined = staticmethod(_joined)

    environment = Environment(undefined=StrictUndefined)
    environment.filters["decimal"] = lambda value: Decimal(str(value))
    return environment


def _joined(values: tuple[Any, ...]) -> str:
    """Join texts; Jinja's own ``~`` would write the word None."""
    if any(value is None for value in values):
        raise TypeError("nothing cannot be joined to a text")
    return "".join(map(str, values))


@lru_cache(maxsize=512)
def compile_expression(expression: str) -> Expression:
    """Compile one bare Jinja expression.

    :raises Misconfigured: it is no expression.
    """
    from jinja2 import TemplateSyntaxError

    try:
        compiled = _environment().compile_expression(expression, undefined_to_none=False)
    except TemplateSyntaxError as error:
        raise exc.Misconfigured(
            f"the mapping {expression!r} is no expression: {error.message}.",
            remedy="Write a bare Jinja expression without braces, such as source.payable_amount.",
        ) from error
    return compiled  # type: ignore[no-any-return]


def evaluate(expression: str, field: str, **names: Any) -> Any:
    """Return the value of ``expression``.

    :raises InvalidDocument: it names something that the source does not have, or cannot be computed.
    """
    from jinja2 import StrictUndefined, UndefinedError
    from jinja2.exceptions import SecurityError

    try:
        value = compile_expression(expression)(**names)
        if isinstance(value, StrictUndefined):
            raise UndefinedError(value._undefined_message)
    except (UndefinedError, SecurityError, ArithmeticError, TypeError, ValueError) as error:
        maybe = isinstance(error, UndefinedError | TypeError)
        empty = sorted(set(_empty(expression, names))) if maybe else []
        told = f"{' and '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty" if empty else str(error)
        raise exc.InvalidDocument(
            f"the mapping {expression!r} fails: {told}.",
            field=field,
            remedy="Correct the mapping, or fill in the field at the source.",
        ) from error
    return value


def _empty(expression: str, names: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an expression goes through, or ends in, and is empty."""
    for found in _PATH.finditer(expression):
        value: Any = names
        for step in _STEP.finditer(found[0]):
            value = _member(value, step[0])
            if value is None:
                yield found[0][: step.end()]
                break


def _member(value: Any, name: str) -> Any:
    """Return what a step leads to; the step itself where it leads nowhere, which is another error."""
    if isinstance(value, Mapping):
        return value.get(name, name)
    if isinstance(value, tuple | list):
        return value[int(name)] if name.isdigit() and int(name) < len(value) else name
    return getattr(value, name, name) if not name.startswith("_") else name
