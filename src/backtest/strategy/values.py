"""Values of parameters: as somebody wrote them, as Python has them, and as JSON keeps them."""

from __future__ import annotations

import json
from collections import abc
from contextlib import suppress
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class Text:
    """A value as somebody wrote it, such as `5,10`: the type of its parameter says what it means.

    `none` is no value where the parameter may have none, and lists are written by comma. What
    begins as JSON does, with a bracket, a brace or a quotation mark, is JSON where that fits.
    """

    text: str


def shown(value: Any) -> str:
    """A parameter's value as `--set` takes it."""
    value = plain(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if _is_ambiguous(value) else value
    if isinstance(value, list):
        texts = [inner if isinstance(inner, str) else shown(inner) for inner in value]
        split = [part.strip() for part in ",".join(texts).split(",") if part.strip()]
        if split == texts and not _is_json(",".join(texts)) and not _is_nested(value):
            return ",".join(texts)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return "none" if value is None else str(value)


def _is_ambiguous(text: str) -> bool:
    """Whether the bare text would be read as something else."""
    return text.lower() == "none" or text != text.strip() or _is_json(text)


def _is_json(text: str) -> bool:
    """Whether the text is read as JSON: a list, a table or a text in quotation marks."""
    with suppress(ValueError):
        return _is_json_like(text) and json.loads(text) is not None
    return False


def _is_json_like(text: str) -> bool:
    return text[:1] in ("[", "{", '"')


def _is_nested(values: Sequence[Any]) -> bool:
    return any(value is None or isinstance(value, list | dict) for value in values)


def leaves(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Parameters by dotted name, those of a table within under its name; no table is empty."""
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        if isinstance(value, dict) and value:
            found |= leaves(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def flat(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as texts by dotted name, for readers."""
    return {name: shown(value) for name, value in leaves(parameters).items()}


def plain(value: Any) -> Any:
    """A value as JSON knows it, sets in order.

    Raises:
        ValueError: JSON knows nothing of the kind.

    """
    if isinstance(value, BaseModel):
        return plain(value.model_dump(round_trip=True))
    if isinstance(value, dict):
        return {_key(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, set | frozenset):
        return _in_order([plain(inner) for inner in value])
    if isinstance(value, list | tuple | range):
        return [plain(inner) for inner in value]
    if hasattr(value, "tolist"):  # of numpy or pandas
        return plain(value.tolist())
    return to_jsonable_python(value)


def _key(name: Any) -> str:
    return str(next(iter(to_jsonable_python({name: None}))))


def _in_order(values: list[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=json.dumps)


class Reader:
    """Reads the values of one parameter by the type of its field."""

    def __init__(self, definition: FieldInfo) -> None:
        """Look at the type."""
        annotation: Any = definition.annotation
        self._type: TypeAdapter[Any] = TypeAdapter(annotation)
        self._is_list = _holds_several(annotation)

    def read(self, value: Any) -> Any:
        """The value as the type has it; only a `Text` may change its kind on the way.

        Raises:
            ValidationError: it is not of the type.
            ValueError: it is none that JSON knows.

        """
        return self._of_text(value.text) if isinstance(value, Text) else self._of_value(value)

    def _of_value(self, value: Any) -> Any:
        try:
            return self._type.validate_json(json.dumps(plain(value)), strict=True)
        except ValidationError:
            if value == "none":  # as a file writes it, which has no other word for no value
                with suppress(ValidationError):
                    return self._type.validate_python(None, strict=True)
            raise

    def _of_text(self, text: str) -> Any:
        text = text.strip()
        if _is_json_like(text):
            with suppress(ValidationError):
                return self._type.validate_json(text, strict=True)
        if text.lower() == "none":
            with suppress(ValidationError):
                return self._type.validate_python(None, strict=True)
        parts = [part.strip() for part in text.split(",") if part.strip()]
        try:
            return self._type.validate_python(parts if self._is_list else text)
        except ValidationError:
            with suppress(ValidationError):
                return self._type.validate_json(text, strict=True)
            raise


def _holds_several(annotation: Any) -> bool:
    """Whether a type, or one of a union, is a list, a tuple or a set."""
    origin = get_origin(annotation) or annotation
    if origin in (Union, UnionType, Annotated):
        return any(map(_holds_several, get_args(annotation)))
    return origin in (list, tuple, set, frozenset, abc.Sequence, abc.Set, abc.Collection)
