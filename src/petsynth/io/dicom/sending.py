"""DICOM files to an archive: C-STORE, as PACS and Orthanc understand it.

References
----------
DICOM PS3.4, annex B "Storage Service Class"; PS3.7, C.4.1 "C-STORE" (statuses).
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from petsynth.errors import ArgumentError, InputError, OutputError
from petsynth.io.dicom.files import find_files, is_dicom, text_of
from petsynth.io.dicom.libraries import library, tolerant

OWN_TITLE, THEIR_TITLE = "PETSYNTH", "ANY-SCP"
"""How this program and an archive are called if nobody says otherwise."""
_TITLE_LENGTH = 16
_MOST_CONTEXTS = 120
_PATIENCE_S, _ANSWER_S = 30.0, 60.0
"""How long to wait for an association, and for the answer to a file."""
_HIGHEST_PORT = 65535


@dataclass(frozen=True)
class Node:
    """An archive.

    Parameters
    ----------
    host : str
        Name or address.
    port : int
        Where it listens.
    title : str
        What it calls itself (application entity).
    own_title : str
        What this program calls itself; archives often accept known ones alone.
    """

    host: str
    port: int
    title: str = THEIR_TITLE
    own_title: str = OWN_TITLE

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"{self.title} at {self.host}:{self.port}"


def parse_node(text: str, title: str = THEIR_TITLE, own_title: str = OWN_TITLE) -> Node:
    """Return the node that ``HOST:PORT`` names.

    Raises
    ------
    ArgumentError
        If it names none, or a title is not one.

    Examples
    --------
    >>> parse_node("pacs.hospital.org:104").port, parse_node("[::1]:4242").host
    (104, '::1')
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) <= _HIGHEST_PORT:
        raise ArgumentError(f"{text}: must be HOST:PORT, for example pacs.example.org:104")
    for each in (title, own_title):
        if not 0 < len(each) <= _TITLE_LENGTH or not each.isascii() or not each.strip():
            raise ArgumentError(f"title {each!r}: must be 1 to {_TITLE_LENGTH} ASCII characters")
    return Node(host, int(port), title, own_title)


def find_sendable(folder: Path) -> list[Path]:
    """Return the DICOM files of a folder and of all folders in it.

    Raises
    ------
    InputError
        If there is none.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    found = [path for path in find_files(folder) if is_dicom(path)]
    if not found:
        raise InputError(f"{folder}: holds no DICOM file")
    return found


def send(
    paths: Sequence[Path],
    node: Node,
    say: Callable[[str], None],
    advance: Callable[[], None] = lambda: None,
) -> int:
    """Send files to an archive, and return how many it took.

    A file that cannot be read or is refused is said in a line, and the others are sent.

    Parameters
    ----------
    paths : sequence of Path
        DICOM files.
    node : Node
        The archive.
    say : function of str
        Is told of each file that was not sent.
    advance : function
        Called after each file.

    Raises
    ------
    OutputError
        If the archive does not answer, refuses the association or ends it.
    """
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # it says each thing in many lines
    kinds = _kinds(paths, say)
    if not kinds:
        raise OutputError(f"{node.name}: nothing was sent, since no file can be read")
    association = _associate(node, set(kinds.values()))
    sent = 0
    try:
        for path in paths:
            if path in kinds:
                refusal = _store(association, path)
                if not association.is_established:
                    raise OutputError(
                        f"{node.name}: ended the connection after {sent} of {len(paths)} files; "
                        "send them again"
                    )
                sent += not refusal
                if refusal:
                    say(f"{path}: not taken ({refusal})")
            advance()
    finally:
        if association.is_established:
            association.release()
    return sent


def _kinds(paths: Sequence[Path], say: Callable[[str], None]) -> dict[Path, tuple[str, str]]:
    """Return SOP class and transfer syntax of each file that can be read."""
    pydicom = library("pydicom")
    found = {}
    for path in paths:
        with tolerant():
            try:
                header = pydicom.dcmread(path, specific_tags=["SOPClassUID", "SOPInstanceUID"])
                kind = (text_of(header, "SOPClassUID"), str(header.file_meta.TransferSyntaxUID))
            except Exception as error:  # a damaged file may make pydicom raise anything
                say(f"{path}: cannot be read ({' '.join(str(error).split())[:80]}); not sent")
                continue
        if kind[0]:
            found[path] = kind
        else:
            say(f"{path}: has no SOPClassUID; not sent")
    return found


def _associate(node: Node, kinds: set[tuple[str, str]]) -> Any:
    pynetdicom = library("pynetdicom")
    try:  # a reason in words, which an association that fails does not give
        socket.create_connection((node.host, node.port), timeout=_PATIENCE_S).close()
    except OSError as error:
        raise OutputError(
            f"{node.name}: cannot be reached ({error.strerror or error}); check host, port and "
            "firewall"
        ) from None
    entity = pynetdicom.AE(ae_title=node.own_title)
    entity.acse_timeout = entity.connection_timeout = _PATIENCE_S
    entity.dimse_timeout = entity.network_timeout = _ANSWER_S
    for sop_class, syntax in sorted(kinds)[:_MOST_CONTEXTS]:
        entity.add_requested_context(sop_class, syntax)
    association = entity.associate(node.host, node.port, ae_title=node.title)
    if association.is_established:
        return association
    if association.is_rejected:
        raise OutputError(
            f"{node.name}: refuses the association; does it know {node.own_title} "
            "(--title), and is it called so itself (--their-title)?"
        )
    if association.acceptor.primitive is not None:
        raise OutputError(f"{node.name}: takes no image of this kind")
    raise OutputError(f"{node.name}: does not answer as a DICOM archive does; check the port")


def _store(association: Any, path: Path) -> str:
    """Send one file; returns why it was not taken, empty if it was."""
    with tolerant():
        try:
            status = association.send_c_store(path)
        except Exception as error:  # no context for it, or a file that cannot be encoded
            return " ".join(str(error).split())[:120] or type(error).__name__
    if "Status" not in status:
        return "no answer"
    code = int(status.Status)
    is_fine = code == 0 or 0xB000 <= code <= 0xBFFF
    told = text_of(status, "ErrorComment")
    return "" if is_fine else f"status 0x{code:04X}{told and ': ' + told}"
