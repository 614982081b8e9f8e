"""What is wrong with a setting, in one sentence: where it stands, what was expected, what was found, what is near."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from engine.text import clean

ENVIRONMENT_PREFIX = "MICROTUI_"
_NO_TABLE = ("model_type", "dict_type")  # pydantic's names of what is found where a table belongs
_SECRET_WORDS = ("secret", "password", "token", "api_key", "apikey", "client_id", "webhook")


def variable_of(key: str) -> str:
    """The environment's name of a dotted key."""
    return ENVIRONMENT_PREFIX + key.upper().replace(".", "__")


def is_secret(key: str) -> bool:
    return any(word in key.lower() for word in _SECRET_WORDS)


def hidden(value: Any) -> Any:
    """The same, with every secret in it covered."""
    if isinstance(value, Mapping):
        return {key: "(hidden)" if is_secret(key) else hidden(inner) for key, inner in value.items()}
    return [hidden(inner) for inner in value] if isinstance(value, list) else value


def leaves(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """The dotted name and the field of every setting below a model; a list of tables is one setting."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from leaves(inner, f"{above}{name}.")
        else:
            yield above + name, field


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model of a table, or of the tables in a list, or None for what is no table."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (list, tuple, Annotated, Union, types.UnionType):
        return next((found for inner in get_args(annotation) if (found := model_in(inner))), None)
    return None


def fault(error: Any, places: Mapping[str, str], file: Path, model: type[BaseModel]) -> str:
    """One of pydantic's errors as a sentence: the place, the key, what was expected, what was found."""
    path = [clean(str(part), 80) for part in error["loc"]]
    place = str(file)
    for length in range(len(path), 0, -1):
        if (key := ".".join(path[:length])) in places:
            place = places[key]
            break
    else:  # a table that only a flag or a variable names
        within = f"{'.'.join(path)}."
        place = next((where for key, where in places.items() if key.startswith(within)), place)
    if error["type"] in _NO_TABLE:  # what was meant as a table may have a secret in it
        return f"{place}: {'.'.join(path)}: {_table_wanted(path, model)}"
    found = "(hidden)" if is_secret(".".join(path)) else repr(hidden(error["input"]))
    found = found if len(found) <= 60 else found[:59] + "…"
    if error["type"] == "extra_forbidden":
        return f"{place}: {'.'.join(path)} is not a setting; {_known(path, place, model)}"
    if error["type"] == "missing":
        return f"{place}: {'.'.join(path)} is missing, and has no default"
    if error["type"] == "value_error":  # our own, of a whole table: it says all, and repeats no secret
        return f"{place}: {'.'.join(path)}: {error['ctx']['error']}"
    return f"{place}: {'.'.join(path)}: {_expected(error)}, found {found}"


def _known(path: list[str], place: str, model: type[BaseModel]) -> str:
    """What there is instead of this key, and what it is near to."""
    part_of = _model_at(path[:-1], model) or model
    there = f"there are {', '.join(part_of.model_fields)}"
    key = _meant(path, list(part_of.model_fields), model)
    if key is None:
        return there
    return f"{there}; did you mean {variable_of(key) if place.startswith(ENVIRONMENT_PREFIX) else key}?"


def _table_wanted(path: list[str], model: type[BaseModel]) -> str:
    """What to do where a value stands in a table's place; the value is not repeated."""
    table = _model_at(path, model)
    such = f", such as {'.'.join(path)}.{next(iter(table.model_fields))}" if table is not None else ""
    return f"expected a table, whose settings are set one by one{such}; found a value"


def _model_at(path: list[str], model: type[BaseModel]) -> type[BaseModel] | None:
    """The table of settings at a place; None where there is none."""
    table: type[BaseModel] | None = model
    for part in (part for part in path if not part.isdigit()):  # a list's tables are all alike
        field = table.model_fields.get(part) if table is not None else None
        table = model_in(field.annotation) if field is not None else None
    return table


def _meant(path: list[str], beside: list[str], model: type[BaseModel]) -> str | None:
    """The setting that was probably meant: as it is but for a dot, beside this one, or of that name elsewhere."""
    plain = {name.replace(".", "_"): name for name, _ in leaves(model)}
    if (joined := "_".join(path)) in plain:
        return plain[joined]
    if near := get_close_matches(path[-1], beside, 1, 0.7):
        return ".".join([*path[:-1], near[0]])
    last = {name.rpartition(".")[2]: name for name in plain.values()}
    if near := get_close_matches(joined, plain, 1, 0.85):
        return plain[near[0]]
    near = get_close_matches(path[-1], last, 1, 0.85)
    return last[near[0]] if near else None


def _expected(error: Any) -> str:
    if error["type"] == "string_pattern_mismatch":
        scheme = "ws:// or wss://" if "wss" in error["ctx"]["pattern"] else "http:// or https://"
        return f"expected an address that begins with {scheme}"
    message = str(error["msg"])
    return "expected " + message.removeprefix("Input should be ").removeprefix("a valid ").replace(
        "Input", "it"
    )
