"""Read strategies' parameters from texts and JSON, check them, and record them as JSON values."""

from __future__ import annotations

import json
import re
from collections import abc
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Union, cast, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import PydanticUndefined, to_jsonable_python

from backtest.errors import UsageError, unknown
from backtest.strategy.base import BacktraderStrategy, Strategy, StrategyFile, failure

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


def configure(file: StrategyFile, settings: Mapping[str, Any]) -> Strategy | BacktraderStrategy:
    """Make the strategy with parameters set by name, such as `hold` or `earnings.hold`.

    Settings are values by dotted name, or nested tables; a `Text` is read by its field's type.
    Raise UsageError where a name is no parameter, a value has another type or is out of bounds, or
    a parameter without a default is not set.
    """
    values, faults = _typed(file, settings)
    strategy: Strategy | BacktraderStrategy
    strategy, more = _make(file.cls, values)
    _raise_faults(file, settings, faults + more)
    return strategy


def check_defaults(file: StrategyFile) -> None:
    """Raise UsageError where a default that a file sets is wrong; others may still be missing."""
    values, faults = _typed(file, {})
    _, more = _make(file.cls, values)
    _raise_faults(file, {}, faults + [fault for fault in more if not fault.is_missing])


def read_values(file: StrategyFile, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what defaults and settings set, as values of their fields' types by dotted name."""
    values, faults = _typed(file, settings)
    _raise_faults(file, settings, faults)
    return values


def json_values(file: StrategyFile, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `read_values` returns as JSON values, which read back as the same values."""
    return {name: plain(value) for name, value in read_values(file, settings).items()}


def variant(file: StrategyFile, values: Mapping[str, Any]) -> Strategy | BacktraderStrategy:
    """Make the strategy from values that have their fields' types already; see `configure`."""
    strategy: Strategy | BacktraderStrategy
    strategy, faults = _make(file.cls, values)
    _raise_faults(file, values, faults)
    return strategy


def to_record(strategy: Strategy | BacktraderStrategy) -> dict[str, Any]:
    """Return the parameters as JSON values for a record, which make the same strategy again.

    Raise UsageError where JSON has no such value, or it reads back as another.
    """
    if isinstance(strategy, BacktraderStrategy):
        cls, original = strategy.cls, strategy.parameters
    else:
        cls, original = type(strategy), dict(strategy)
    file = StrategyFile(cls.__name__, Path(), cls)
    try:
        values = {name: plain(value) for name, value in original.items()}
    except ValueError as error:
        raise UsageError(f"{file.name}: a parameter cannot be put on record: {error}.") from None
    again = configure(file, values)
    restored = again.parameters if isinstance(again, BacktraderStrategy) else dict(again)
    for name, value in original.items():
        if restored[name] != value:
            raise UsageError(
                f"{file.name}: {name} = {value!r} stands on record as {to_text(value)}, and that "
                f"becomes {restored[name]!r} when it is read. A parameter needs a type that JSON "
                f"can tell, and validators that leave alone what they have made."
            )
    return values


def non_defaults(file: StrategyFile, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recorded parameters, by dotted name, that are not the strategy's defaults."""
    fields = parameters(file.cls)
    return {
        name: value
        for name, value in _by_name(fields, record).items()
        if (default := default_of(fields[name])) is PydanticUndefined or plain(default) != value
    }


def default_of(field: FieldInfo) -> Any:
    """Return a field's default; `PydanticUndefined` where it has none, or one made of others."""
    if field.default_factory_takes_validated_data:
        return PydanticUndefined
    return field.get_default(call_default_factory=True)


class _Fault(NamedTuple):
    """A fault is a value that is refused, with its parameter and what is wrong."""

    name: str
    value: Any
    what: str
    is_missing: bool = False


def _faults(error: ValidationError, prefix: str = "") -> list[_Fault]:
    return [
        _Fault(
            ".".join(filter(None, (prefix, *map(str, fault["loc"])))),
            fault["input"],
            fault["msg"],
            fault["type"] == "missing",
        )
        for fault in error.errors()
    ]


def _typed(file: StrategyFile, settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[_Fault]]:
    """Read every value that is set, by dotted name, as its field's type; return the faults too."""
    fields = parameters(file.cls)
    defaults = _by_name(fields, file.defaults)
    values: dict[str, Any] = {}
    faults: list[_Fault] = []
    for name, value in {**defaults, **_by_name(fields, settings)}.items():
        if name not in fields:
            where = f" (set in {file.defaults_in}):" if name in defaults else ""
            raise unknown(f"parameter of {file.name}{where}", name, fields)
        try:
            values[name] = ParameterReader(fields[name]).read(value)
        except ValidationError as error:  # a part that a value lacks is not a missing parameter
            faults += [fault._replace(is_missing=False) for fault in _faults(error, name)]
        except ValueError as error:
            faults.append(_Fault(name, value, str(error)))
    return values, faults


def _by_name(
    fields: Mapping[str, FieldInfo], parameters: Mapping[str, Any], prefix: str = ""
) -> dict[str, Any]:
    """Return values by dotted name; tables and models that hold parameters are opened."""
    values: dict[str, Any] = {}
    for part, value in parameters.items():
        name = f"{prefix}{part}"
        inner = dict(value) if isinstance(value, BaseModel) else value
        is_group = isinstance(inner, dict) and any(one.startswith(f"{name}.") for one in fields)
        more = _by_name(fields, inner, f"{name}.") if is_group else {name: value}
        if twice := values.keys() & more.keys():
            raise UsageError(f"The parameter {min(twice)} is set twice; set it once.")
        values |= more
    return values


def _make(cls: type[Any], values: Mapping[str, Any]) -> tuple[Any, list[_Fault]]:
    """Make the strategy from typed values by dotted name, or return the faults."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        _put(nested, cls, name, value)
    try:
        if issubclass(cls, Strategy):
            return cls.model_validate(nested), []
        return BacktraderStrategy(cls, dict(_backtrader_model(cls)(**nested))), []
    except ValidationError as error:
        return None, _faults(error)
    except BaseException as error:
        raise failure(cls, "while it was made", error) from error


def _raise_faults(
    file: StrategyFile, settings: Mapping[str, Any], faults: Sequence[_Fault]
) -> None:
    # A value of the wrong type was left out, and must not be reported as missing too.
    refused = {fault.name for fault in faults if not fault.is_missing}
    sentences = [
        f"{fault.name} = {fault.value!r}: {fault.what}{_set_by(file, settings, fault.name)}"
        f"{_as_range(fault)}"
        if fault.name
        else fault.what
        for fault in faults
        if not fault.is_missing
    ]
    sentences += [
        f"{fault.name} has no default: set it, as with `--set {fault.name}=…`"
        for fault in faults
        if fault.is_missing and fault.name not in refused
    ]
    if sentences:
        raise UsageError(f"{file.name}: " + "; ".join(sentences))


def _as_range(fault: _Fault) -> str:
    """Say how a range is written, where a value looks like one."""
    ends = re.fullmatch(r"(\d[\d.]*)\s*(?:[-:–]|\.\.|to)\s*(\d[\d.]*)", str(fault.value).strip())
    if ends is None:
        return ""
    return f". A sweep tries a range: `--grid {fault.name}={ends[1]}:{ends[2]}`"


def _set_by(file: StrategyFile, settings: Mapping[str, Any], name: str) -> str:
    """Say where a bad value is set, unless it came with the call."""
    fields = parameters(file.cls)
    of_file = _by_name(fields, file.defaults).keys() - _by_name(fields, settings).keys()
    is_of_file = any(name == one or name.startswith(f"{one}.") for one in of_file)
    return f" (set in {file.defaults_in})" if is_of_file and file.defaults_in else ""


def parameters(cls: type[Any]) -> dict[str, FieldInfo]:
    """Return the field definitions of a strategy's parameters by dotted name."""
    model = cls if issubclass(cls, BaseModel) else _backtrader_model(cls)
    fields: dict[str, FieldInfo] = {}
    for name, definition in model.model_fields.items():
        kind = definition.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for inner, part in parameters(kind).items():
                fields[f"{name}.{inner}"] = _with_default(part, inner, definition)
        else:
            fields[name] = definition
    return fields


def _with_default(definition: FieldInfo, name: str, outer: FieldInfo) -> FieldInfo:
    """Return an inner field with the default that the outer field's default has for it, if any."""
    owner, inner = default_of(outer), copy(definition)
    if isinstance(owner, BaseModel):
        inner.default, inner.default_factory = attrgetter(name)(owner), None
    elif outer.default_factory_takes_validated_data:
        inner.default, inner.default_factory = PydanticUndefined, outer.default_factory
    return inner


def _backtrader_model(cls: type[Any]) -> type[BaseModel]:
    """Turn Backtrader's `params` into typed fields; each has the type of its default.

    What no text can express, such as an indicator or a function, is left out, and stays as it is.
    """
    fields: dict[str, Any] = {}
    for name, value in cls.params._getitems():  # noqa: SLF001 - there is no public way
        kind = Any if value is None else type(value)
        with suppress(ValueError, PydanticSchemaGenerationError):
            TypeAdapter(kind)  # raises where no text can be read as one
            plain(value)  # raises where it cannot be written as one
            fields[name] = kind, value
    return create_model(cls.__name__, **fields)


def _put(values: dict[str, Any], model: type[Any], name: str, value: Any) -> None:
    """Set a value by dotted name in nested tables, which begin with their models' defaults."""
    *parents, leaf = name.split(".")
    for parent in parents:
        inner = model.model_fields[parent]
        default = default_of(inner)
        table = default.model_dump(round_trip=True) if isinstance(default, BaseModel) else {}
        values, model = values.setdefault(parent, table), cast("type[Any]", inner.annotation)
    values[leaf] = value


# Values


@dataclass(frozen=True)
class Text:
    """A text is a value as a user wrote it, such as `5,10`, to be read by its parameter's type.

    `none` is None where the parameter allows it, and commas separate the items of a list. What
    begins with a bracket, a brace or a quotation mark is read as JSON where it fits.
    """

    text: str


def to_text(value: Any) -> str:
    """Write a parameter's value as `--set` takes it."""
    with suppress(ValueError):  # what JSON cannot express is written as `str` writes it
        value = plain(value)
    if isinstance(value, str):
        is_ambiguous = value.lower() == "none" or value != value.strip() or _is_json(value)
        return json.dumps(value, ensure_ascii=False) if is_ambiguous else value
    if isinstance(value, list):
        texts = [item if isinstance(item, str) else to_text(item) for item in value]
        joined = ",".join(texts)
        is_nested = any(item is None or isinstance(item, list | dict) for item in value)
        if _split(joined) == texts and not _is_json(joined) and not is_nested:
            return joined
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return "none" if value is None else str(value)


def _split(text: str) -> list[str]:
    """Split a list that is written with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _is_json(text: str) -> bool:
    """Tell whether a text is read as JSON: a list, a table or a text in quotation marks."""
    with suppress(ValueError):
        return isinstance(json.loads(text), list | dict | str)
    return False


def leaves(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested tables by dotted name; an empty table is a value itself."""
    values: dict[str, Any] = {}
    for name, value in parameters.items():
        if isinstance(value, dict) and value:
            values |= leaves(value, f"{prefix}{name}.")
        else:
            values[f"{prefix}{name}"] = value
    return values


def flat(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as texts by dotted name, for readers."""
    return {name: to_text(value) for name, value in leaves(parameters).items()}


def plain(value: Any) -> Any:
    """Convert a value to JSON values, with sets sorted; raise ValueError where JSON has no such."""
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
    try:
        return to_jsonable_python(value)
    except TypeError as error:  # a NaT, which is no time
        raise ValueError(f"{value!r}: {error}") from None


def _key(name: Any) -> str:
    return str(next(iter(to_jsonable_python({name: None}))))


def _in_order(values: list[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:  # values of several types, or tables
        return sorted(values, key=json.dumps)


class ParameterReader:
    """The reader of a parameter reads its values by the type of its field."""

    def __init__(self, definition: FieldInfo) -> None:
        """Take the type from the field's definition."""
        annotation: Any = definition.annotation
        self._type: TypeAdapter[Any] = TypeAdapter(annotation)
        self._is_list = _is_list(annotation)

    def read(self, value: Any) -> Any:
        """Return the value as its field's type; only a `Text` is converted from another type.

        Raise ValidationError where it has another type, ValueError where JSON has no such value.
        """
        return self._of_text(value.text) if isinstance(value, Text) else self._of_value(value)

    def _of_value(self, value: Any) -> Any:
        try:
            return self._type.validate_json(json.dumps(plain(value)), strict=True)
        except ValidationError:
            if value == "none":  # TOML has no other word for None
                with suppress(ValidationError):
                    return self._type.validate_python(None, strict=True)
            raise

    def _of_text(self, text: str) -> Any:
        text = text.strip()
        if text.startswith(("[", "{", '"')):
            with suppress(ValidationError):
                return self._type.validate_json(text, strict=True)
        if text.lower() == "none":
            with suppress(ValidationError):
                return self._type.validate_python(None, strict=True)
        try:
            return self._type.validate_python(_split(text) if self._is_list else text)
        except ValidationError:
            with suppress(ValidationError):
                return self._type.validate_json(text, strict=True)
            raise


def _is_list(annotation: Any) -> bool:
    """Tell whether a type, or one of a union, is a list, a tuple or a set."""
    origin = get_origin(annotation) or annotation
    if origin in (Union, UnionType, Annotated):
        return any(map(_is_list, get_args(annotation)))
    return origin in (list, tuple, set, frozenset, abc.Sequence, abc.Set, abc.Collection)
