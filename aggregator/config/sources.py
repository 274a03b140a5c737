"""The files of a configuration: the main one, and what it includes.

``read`` gives plain data (lists, mappings, text, exact numbers) with the services of
all files in one mapping and the environment filled in, and ``Places``, which finds
the file and the line of any path in it.
"""

import glob
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aggregator.config import environment, yaml_tree
from aggregator.config.environment import NoSecrets
from aggregator.config.mistakes import Hidden, Mistake, Report, Where
from aggregator.config.yaml_tree import Node

MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """One file, read and parsed. ``name`` is its path as mistakes give it."""

    name: str
    root: Node = field(repr=False)

    def locate(self, path: Where, message: str) -> Mistake:
        line = self.root.line_of(path) if path else None
        shown = tuple("…" if isinstance(part, Hidden) else part for part in path)
        return Mistake(self.name, line, shown, message)


@dataclass(frozen=True, slots=True)
class Places:
    """Where each part of the configuration stands."""

    main: Document
    services: Mapping[str, Document]  # those that an included file holds

    def locate(self, mistake: Mistake) -> Mistake:
        """The mistake with its file and line, unless it has them already."""
        if mistake.file:
            return mistake
        included = mistake.path[:1] == ("services",) and len(mistake.path) > 1
        document = self.services.get(str(mistake.path[1])) if included else None
        return (document or self.main).locate(mistake.path, mistake.message)


@dataclass(frozen=True, slots=True)
class Source:
    data: dict[str, object] = field(repr=False)
    places: Places


def read(path: Path, environ: Mapping[str, str], report: Report) -> Source | None:
    """The configuration at ``path``; None, with mistakes, where there is none to check."""
    document = _document(path, report)
    if document is None:
        return None
    data = _data(document, environ, report)
    services: dict[str, object] = _mapping(data, "services", document, report)
    origins: dict[str, Document] = {}
    for included in _included(path, data.get("include"), report):
        _merge(included, environ, services, origins, document, report)
    return Source(data | {"services": services}, Places(document, origins))


def read_text(path: Path) -> str:
    """The text of a file; ValueError, in words for the operator, where it cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or "not a path"
        raise ValueError(f"cannot be read: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES // 1024 // 1024} MiB")
    return text


def plain(
    node: Node, fill_in: Callable[[str, Where], str] = lambda text, _: text, path: Where = ()
) -> object:
    """The node as lists, mappings and scalars; every text goes through ``fill_in``."""
    if isinstance(node.value, dict):
        return {key: plain(entry.node, fill_in, (*path, key)) for key, entry in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item, fill_in, (*path, index)) for index, item in enumerate(node.value)]
    return fill_in(node.value, path) if isinstance(node.value, str) else node.value


def _document(path: Path, report: Report) -> Document | None:
    """The parsed file; None, with the reason as a mistake, where it is no mapping."""
    name = str(path)
    try:
        root, faults = yaml_tree.parse(read_text(path))
    except ValueError as error:
        report.mistake_at(name, None, (), str(error))
        return None
    for fault in faults:
        report.mistake_at(name, fault.line, fault.path, fault.message)
    if isinstance(root, Node) and isinstance(root.value, dict):
        return Document(name, root)
    if not faults:
        empty = root is None or root.value is None
        report.mistake_at(name, None, (), "is empty" if empty else "must be a mapping of keys")
    return None


def _data(document: Document, environ: Mapping[str, str], report: Report) -> dict[str, object]:
    """The document as plain data, variables filled in."""

    def expanded(text: str, path: Where) -> str:
        if path[0] == "dialects":  # other panels' words, whatever they look like
            return text
        if isinstance(environ, NoSecrets) and path[0] == "providers" and path[-1] == "key":
            return text
        try:
            return environment.expand(text, environ)
        except ValueError as error:
            line = document.root.line_of(path)
            report.mistake_at(document.name, line, path, str(error))
            return text

    data = plain(document.root, expanded)
    assert isinstance(data, dict)
    return data


def _mapping(
    data: Mapping[str, object], key: str, document: Document, report: Report
) -> dict[str, object]:
    """``data[key]``, where absent and null count as empty."""
    value = data.get(key)
    if isinstance(value, dict):
        return value
    if value is not None:
        line = document.root.line_of((key,))
        report.mistake_at(document.name, line, (key,), "must be a mapping")
    return {}


def _included(path: Path, patterns: object, report: Report) -> Iterator[Document]:
    """The files that ``include`` names, each once, in order. Its form is checked elsewhere."""
    seen = {path.resolve()}
    for index, pattern in enumerate(patterns if isinstance(patterns, list) else ()):
        if not isinstance(pattern, str) or "\0" in pattern:
            continue
        for found in _matches(path.parent, pattern, ("include", index), report):
            if found.resolve() not in seen:
                seen.add(found.resolve())
                if document := _document(found, report):
                    yield document


def _matches(base: Path, pattern: str, where: Where, report: Report) -> list[Path]:
    """The files a pattern names. A plain path is one, whether it exists or not."""
    if not any(character in pattern for character in "*?["):
        if os.path.isfile(base / pattern):  # noqa: PTH113 — Path.is_file raises on odd names
            return [base / pattern]
        report.mistake(where, "no such file")
        return []
    # Unlike Path.glob, it takes absolute patterns too and leaves hidden files out.
    names = glob.glob(pattern, root_dir=base, recursive=True)  # noqa: PTH207
    found = [base / name for name in sorted(names) if (base / name).is_file()]
    if not found:
        report.warning(where, "matches no file")
    return found


def _merge(
    document: Document,
    environ: Mapping[str, str],
    services: dict[str, object],
    origins: dict[str, Document],
    main: Document,
    report: Report,
) -> None:
    """Adds the services of an included file to the others."""
    data = _data(document, environ, report)
    for key in data.keys() - {"services"}:
        line = document.root.line_of((key,))
        report.mistake_at(document.name, line, (key,), "an included file holds services only")
    for key, service in _mapping(data, "services", document, report).items():
        if key in services:
            first = origins.get(key, main).locate(("services", key), "")
            here = document.root.line_of(("services", key))
            message = f"is in {first.file}:{first.line} too"
            report.mistake_at(document.name, here, ("services", key), message)
        else:
            services[key], origins[key] = service, document
