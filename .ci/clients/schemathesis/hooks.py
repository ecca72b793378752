"""Narrows what Schemathesis generates where the contract says more than a schema can."""

import itertools
import re
from typing import Any

import schemathesis

NUMBERS = itertools.count()


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leaves out bodies with `null`.

    In a request `null` counts as absent, and generated clients of several languages send it so; the schema does not
    offer it, since other generators make a type of its own of it. Schemathesis takes it for a fault to be refused.
    """
    return not has_null(case.body)


def has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(has_null(member) for member in value.values())
    if isinstance(value, list):
        return any(has_null(item) for item in value)
    return value is None


@schemathesis.hook
def filter_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> bool:
    """Leaves out most counts of samples: a few jobs of a hundred thousand events would take all of the time.

    The bounds themselves come from the coverage phase.
    """
    count = (path_parameters or {}).get("count")
    return not isinstance(count, int) or count <= 1_000 or count >= 100_000


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:
    """Numbers the good keys: one that stands for two requests is refused, and generators like the same short ones."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(r"[!#-~][!-~]{0,254}", key):
        number = str(next(NUMBERS))
        case.headers["Idempotency-Key"] = key[: 255 - len(number)] + number
    return case


@schemathesis.hook
def filter_query(context: Any, query: dict[str, Any] | None) -> bool:
    """Leaves out labels with one key twice, which are refused: a schema can only say that no label stands twice."""
    labels = (query or {}).get("label")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return True
    keys = [label.partition(":")[0] for label in dict.fromkeys(labels)]
    return len(set(keys)) == len(keys)
