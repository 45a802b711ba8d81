"""Finding and loading strategy files: one strategy a file, named as the file."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import sys
import traceback
from copy import copy
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pydantic import BaseModel, ValidationError, create_model

from backtest.data.kinds import Event
from backtest.errors import UsageError, told, unknown
from backtest.strategy.base import TERMS, Strategy
from backtest.strategy.values import Reader, plain, shown
from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class StrategyFile:
    """A strategy, its name and the file that it was loaded from.

    Attributes:
        name: what it is called by.
        path: of its source.
        cls: a subclass of `Strategy` or of `EventStrategy`.
        package: the installed package that it is part of, a folder or a file; None for a file in
            a folder of strategies.
        defaults: values of parameters that go before those of the class.
        defaults_in: the file that sets them.

    """

    name: str
    path: Path
    cls: type[Any]
    package: Path | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    defaults_in: Path | None = None

    def source_sha256(self) -> str:
        """Hash of what the file does and what it imports: its neighbours, or its package.

        Comments, docstrings and the form of the text do not count, nor where the files are.
        """
        base = (self.package or self.path).parent
        paths = sorted(_sources_in(self.package) if self.package else _sources(self.path))
        return sha256_of([[p.relative_to(base).as_posix(), syntax(p.read_bytes())] for p in paths])


def strategy_names(folder: Path) -> list[str]:
    """The names of the strategy files in a folder."""
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def load_strategy(folder: Path, name: str) -> StrategyFile:
    """Load the strategy of a file.

    Raises:
        UsageError: there is no such file, it fails to load, or it does not hold one strategy.

    """
    if name not in strategy_names(folder):
        raise unknown("strategy", name, strategy_names(folder))
    path = folder / f"{name}.py"
    return StrategyFile(name, path, one_strategy(str(path), defined_in(_import(folder, path))))


def one_strategy(place: str, found: Sequence[type[Any]]) -> type[Any]:
    """The strategy that stands alone in its place.

    Raises:
        UsageError: there is none, there are several, or what it declares is wrong.

    """
    if len(found) != 1:
        names = ", ".join(cls.__name__ for cls in found) or "none"
        raise UsageError(
            f"{place} must define one subclass of Strategy or EventStrategy; it defines {names}."
        )
    _check_kinds(place, found[0].listens_to)
    _check_symbols(place, getattr(found[0], "looks_at", ()))
    if issubclass(found[0], Strategy):
        _check_terms(place, found[0])
    return found[0]


def defined_in(module: ModuleType) -> list[type[Any]]:
    """The strategies that a module defines; those that it imports are not its own."""
    own = (value for value in vars(module).values() if is_strategy(value))
    return [value for value in own if value.__module__ == module.__name__]


def is_strategy(value: object) -> bool:
    """Whether it is a class of a strategy."""
    # An EventStrategy is known by its method: to import the class would load Backtrader.
    return isinstance(value, type) and (
        issubclass(value, Strategy) or hasattr(value, "notify_event")
    )


def _check_kinds(place: str, kinds: object) -> None:
    if not isinstance(kinds, tuple) or not all(
        isinstance(kind, type) and issubclass(kind, Event) for kind in kinds
    ):
        raise UsageError(
            f"{place}: listens_to must be a tuple of kinds of event, such as (Earnings,); "
            f"it is {kinds!r}."
        )


def _check_symbols(place: str, symbols: object) -> None:
    if not isinstance(symbols, tuple) or not all(isinstance(symbol, str) for symbol in symbols):
        raise UsageError(
            f'{place}: looks_at must be a tuple of symbols, such as ("SPY",); it is {symbols!r}.'
        )


def _check_terms(place: str, cls: type[Strategy]) -> None:
    names: object = cls.signal_terms
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise UsageError(
            f"{place}: signal_terms must be a tuple of parameters that are handed on to the "
            f'signal, such as ("hold", "stop"); it is {names!r}.'
        )
    known = [name for name in parameters(cls) if term_of(name) in TERMS]
    for name in names:
        if name not in known:
            raise unknown(f"parameter in signal_terms of {place} named as a term:", name, known)


def term_of(name: str) -> str:
    """The term of a signal that a parameter in `signal_terms` is: `hold` of `earnings.hold`."""
    return name.rpartition(".")[2]


@dataclass(frozen=True)
class BacktraderStrategy:
    """A Backtrader strategy with its parameters set; made anew for each replay."""

    cls: type[Any]
    parameters: Mapping[str, Any]

    @property
    def listens_to(self) -> tuple[type[Event], ...]:
        """The kinds of event that it hears of."""
        kinds: tuple[type[Event], ...] = self.cls.listens_to
        return kinds

    @property
    def looks_at(self) -> tuple[str, ...]:
        """None: Backtrader shows the symbols that are traded."""
        return ()


def heard_kinds(strategy: Strategy | BacktraderStrategy) -> tuple[type[Event], ...]:
    """The kinds of event that a strategy can see.

    The market shows a `Strategy` every public event; one of Backtrader's sees what it hears of.
    """
    return strategy.listens_to if isinstance(strategy, BacktraderStrategy) else (Event,)


def configure(file: StrategyFile, settings: Mapping[str, Any]) -> Strategy | BacktraderStrategy:
    """Make the strategy with parameters set by name, such as `hold` or `earnings.hold`.

    Args:
        file: the strategy.
        settings: values by dotted name, or in tables; a `Text` is read by its field's type.

    Raises:
        UsageError: a name is not a parameter, or a value is not of its type or out of its bounds.

    """
    values, faults = _typed(file, settings)
    try:
        made = _made(file.cls, values)
    except ValidationError as error:
        raise _refused(file, settings, [*faults, *_faults(error)]) from None
    if faults:
        raise _refused(file, settings, faults)
    return made


def check_defaults(file: StrategyFile) -> None:
    """Hold the defaults that a file sets against the parameters; others may have to be set yet.

    Raises:
        UsageError: one is not a parameter, or not one of its values.

    """
    values, faults = _typed(file, {})
    try:
        _made(file.cls, values)
    except ValidationError as error:
        faults += [fault for fault in _faults(error) if not fault.is_missing]
    if faults:
        raise _refused(file, {}, faults)


def typed(file: StrategyFile, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What is set, in defaults and settings, as values of their fields' types by dotted name.

    Args:
        file: the strategy.
        settings: as of `configure`.

    Raises:
        UsageError: a name is not a parameter, or a value is not of its type.

    """
    values, faults = _typed(file, settings)
    if faults:
        raise _refused(file, settings, faults)
    return values


def stated(file: StrategyFile, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What is set, as of `typed`, in JSON values: so it travels, and reads back as the same."""
    return {name: plain(value) for name, value in typed(file, settings).items()}


def variant(file: StrategyFile, values: Mapping[str, Any]) -> Strategy | BacktraderStrategy:
    """The strategy of values that are of their fields' types, by dotted name.

    Raises:
        UsageError: a value is out of its bounds, or they do not go together.

    """
    try:
        return _made(file.cls, values)
    except ValidationError as error:
        raise _refused(file, values, _faults(error)) from None


def recorded(strategy: Strategy | BacktraderStrategy) -> dict[str, Any]:
    """The parameters as JSON values, as they stand on record: they make the same strategy again.

    Raises:
        UsageError: a value is none that JSON knows, or becomes another when it is read back.

    """
    own = strategy.parameters if isinstance(strategy, BacktraderStrategy) else dict(strategy)
    cls = strategy.cls if isinstance(strategy, BacktraderStrategy) else type(strategy)
    file = StrategyFile(cls.__name__, Path(), cls)
    try:
        values = {name: plain(value) for name, value in own.items()}
    except ValueError as error:
        raise UsageError(f"{file.name}: a parameter cannot be put on record: {error}.") from None
    again = configure(file, values)
    back = again.parameters if isinstance(again, BacktraderStrategy) else dict(again)
    for name, value in own.items():
        if back[name] != value:
            raise UsageError(
                f"{file.name}: {name} = {value!r} stands on record as {shown(value)}, and that "
                f"becomes {back[name]!r} when it is read. A parameter needs a type that JSON can "
                f"tell, and validators that leave alone what they have made."
            )
    return values


class _Fault(NamedTuple):
    """A value that is refused: the parameter, the value and what is allowed."""

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
    """Every value that is set, by dotted name, as its field's type has it; and the faults."""
    known = parameters(file.cls)
    stated_by_file = _by_name(known, file.defaults)
    for name in stated_by_file:
        if name not in known:
            raise unknown(f"parameter of {file.name} (set in {file.defaults_in}):", name, known)
    values: dict[str, Any] = {}
    faults: list[_Fault] = []
    for name, value in {**stated_by_file, **_by_name(known, settings)}.items():
        if name not in known:
            raise unknown(f"parameter of {file.name}", name, known)
        try:
            values[name] = Reader(known[name]).read(value)
        except ValidationError as error:
            faults += _faults(error, name)
        except ValueError as error:
            faults.append(_Fault(name, value, str(error)))
    return values, faults


def _by_name(
    known: Mapping[str, FieldInfo], parameters: Mapping[str, Any], prefix: str = ""
) -> dict[str, Any]:
    """Values by dotted name: tables and models that hold parameters are opened, others are values.

    Raises:
        UsageError: a parameter is set twice.

    """
    found: dict[str, Any] = {}
    for part, value in parameters.items():
        name = f"{prefix}{part}"
        inner = dict(value) if isinstance(value, BaseModel) else value
        is_group = isinstance(inner, dict) and any(one.startswith(f"{name}.") for one in known)
        more = _by_name(known, inner, f"{name}.") if is_group else {name: value}
        if twice := found.keys() & more.keys():
            raise UsageError(f"The parameter {min(twice)} is set twice; set it once.")
        found |= more
    return found


def _made(cls: type[Any], values: Mapping[str, Any]) -> Strategy | BacktraderStrategy:
    """The strategy of values that are of their fields' types, by dotted name."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        _put(nested, cls, name, value)
    if issubclass(cls, Strategy):
        return cls.model_validate(nested)
    return BacktraderStrategy(cls, dict(_backtrader_model(cls)(**nested)))


def _refused(
    file: StrategyFile, settings: Mapping[str, Any], faults: Sequence[_Fault]
) -> UsageError:
    # A value that is not of its type was left out, and is not missing for that.
    named = {fault.name for fault in faults if not fault.is_missing}
    told = [
        f"{fault.name} = {fault.value!r}: {fault.what}{_set_by(file, settings, fault.name)}"
        if fault.name
        else fault.what
        for fault in faults
        if not (fault.is_missing and fault.name in named)
    ]
    return UsageError(f"{file.name}: " + "; ".join(told))


def _set_by(file: StrategyFile, settings: Mapping[str, Any], name: str) -> str:
    """Where a bad value stands, unless it came with the call."""
    known = parameters(file.cls)
    of_file = _by_name(known, file.defaults).keys() - _by_name(known, settings).keys()
    is_of_file = any(name == one or name.startswith(f"{one}.") for one in of_file)
    return f" (set in {file.defaults_in})" if is_of_file and file.defaults_in else ""


def parameters(cls: type[Any], prefix: str = "") -> dict[str, FieldInfo]:
    """The parameters of a strategy by dotted name, with their field definitions."""
    model = cls if issubclass(cls, BaseModel) else _backtrader_model(cls)
    found: dict[str, FieldInfo] = {}
    for name, definition in model.model_fields.items():
        kind = definition.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            default = definition.get_default(call_default_factory=True)
            for inner, part in parameters(kind).items():
                found[f"{prefix}{name}.{inner}"] = _with_default(part, inner, default)
        else:
            found[prefix + name] = definition
    return found


def _with_default(definition: FieldInfo, name: str, owner: object) -> FieldInfo:
    """The definition with the default that the field has inside `owner`, where there is one."""
    if not isinstance(owner, BaseModel):
        return definition
    changed = copy(definition)
    changed.default, changed.default_factory = attrgetter(name)(owner), None
    return changed


def _backtrader_model(cls: type[Any]) -> type[BaseModel]:
    """Backtrader's `params` as typed fields: each has the type of its default."""
    defaults = dict(cls.params._getitems())  # noqa: SLF001 - the one way to ask for them
    fields: dict[str, Any] = {
        name: (Any if value is None else type(value), value) for name, value in defaults.items()
    }
    return create_model(cls.__name__, **fields)


def _put(values: dict[str, Any], model: type[Any], name: str, value: Any) -> None:
    *parents, leaf = name.split(".")
    for parent in parents:
        inner = model.model_fields[parent]
        default = inner.get_default(call_default_factory=True)
        given = default.model_dump(round_trip=True) if isinstance(default, BaseModel) else {}
        values, model = values.setdefault(parent, given), cast("type[Any]", inner.annotation)
    values[leaf] = value


def _import(folder: Path, path: Path) -> Any:
    """Import a file as part of a package made of its folder, so that neighbours are found."""
    package = f"strategies_{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"
    if package not in sys.modules:
        spec = ModuleSpec(package, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[package] = importlib.util.module_from_spec(spec)
    # A file may have changed since it was loaded, and so may its neighbours.
    loaded = [name for name in sys.modules if name.startswith(f"{package}.")]
    before = {name: sys.modules.pop(name) for name in loaded}
    importlib.invalidate_caches()
    try:
        return importlib.import_module(f"{package}.{path.stem}")
    except (Exception, SystemExit) as error:
        raise UsageError(load_failure(str(folder), str(path), error)) from error
    finally:  # Backtrader looks up the modules of strategies that were loaded before
        for name, module in before.items():
            sys.modules.setdefault(name, module)


def load_failure(folder: str, place: str, error: BaseException) -> str:
    """The error, and the last line on the way there that is in the folder."""
    message = f"{place} does not load: {told(error)}"
    if isinstance(error, SyntaxError):
        return f"{message}\n  line {error.lineno}: {(error.text or '').strip()}"
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if folder in frame.filename and "importlib" not in frame.filename:
            return f"{message}\n  {frame.filename}, line {frame.lineno}: {frame.line}"
    return message


def _places(folder: Path, module: str) -> list[Path]:
    place = folder.joinpath(*module.split("."))
    parents = [parent / "__init__.py" for parent in (place, *place.parents) if parent != folder]
    return [place.with_suffix(".py"), *(p for p in parents if p.exists())]


def syntax(source: str | bytes) -> Any:
    """The syntax tree of a source without its docstrings, the same in every Python."""
    return _plain_tree(ast.parse(source))


def _plain_tree(node: Any) -> Any:
    """A part of a syntax tree as JSON knows it; fields that are empty are left out."""
    if isinstance(node, ast.AST):
        fields = {name: _plain_tree(value) for name, value in ast.iter_fields(node)}
        return {"": type(node).__name__, **{n: v for n, v in fields.items() if v not in (None, [])}}
    if isinstance(node, list):
        return [_plain_tree(one) for one in node if not _is_docstring(one)]
    return None if node is None else repr(node)


def _is_docstring(node: Any) -> bool:
    """Whether it is a text that stands alone, which does nothing."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _sources_in(package: Path) -> list[Path]:
    return [*package.rglob("*.py")] if package.is_dir() else [package]


def _sources(path: Path) -> set[Path]:
    """The file and, through relative imports, its neighbours."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        source = waiting.pop()
        if source in found or not source.exists():
            continue
        found.add(source)
        for node in ast.walk(ast.parse(source.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.level:
                folder = source.parents[node.level - 1]
                names = [node.module] if node.module else [alias.name for alias in node.names]
                for name in names:
                    waiting += _places(folder, str(name))
    return found
