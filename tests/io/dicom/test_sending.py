"""Sending to an archive: pynetdicom's own, on this machine."""

import pytest
from tests.io.dicom.makers import Plan, compress, t1_values, write

from petsynth.cli.main import run
from petsynth.errors import ArgumentError, InputError, OutputError
from petsynth.io.dicom import sending
from petsynth.io.dicom.sending import Node, find_sendable, parse_node, send

pynetdicom = pytest.importorskip("pynetdicom", reason="needs the extra dicom")


class Archive:
    """An archive that knows one title and refuses what it is told to."""

    def __init__(self):
        self.taken, self.refused, self.ends = {}, {}, False
        entity = pynetdicom.AE(ae_title="ARCHIVE")
        entity.require_called_aet = True
        for context in pynetdicom.AllStoragePresentationContexts:
            entity.add_supported_context(context.abstract_syntax, pynetdicom.ALL_TRANSFER_SYNTAXES)
        handlers = [(pynetdicom.evt.EVT_C_STORE, self.store)]
        self.server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self.server.socket.getsockname()[1]

    def store(self, event):
        if self.ends:
            event.assoc.abort()
        dataset = event.dataset
        status = self.refused.get(int(dataset.InstanceNumber), 0)
        if not status:
            dataset.file_meta = event.file_meta
            self.taken[int(dataset.InstanceNumber)] = dataset
        return status


@pytest.fixture
def archive():
    made = Archive()
    yield made
    made.server.shutdown()


@pytest.fixture
def folder(tmp_path):
    write(Plan(t1_values(slices=4)), tmp_path / "dicom")
    return tmp_path / "dicom"


def test_a_folder_arrives_as_it_is(folder, archive, capsys):
    paths = find_sendable(folder)
    compress(paths[1], "1.2.840.10008.1.2.5")
    words = [folder, f"127.0.0.1:{archive.port}", "--their-title", "ARCHIVE"]
    assert run(["send-dicom", *map(str, words)]) == 0
    assert sorted(archive.taken) == [1, 2, 3, 4]
    assert archive.taken[3].PatientID == "HOSP-4711"
    assert archive.taken[2].file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.5"
    pixels = t1_values(slices=4)[0, 2].astype("<u2").tobytes()
    assert archive.taken[3].PixelData == pixels
    assert "4 of 4 files -> ARCHIVE at 127.0.0.1:" in capsys.readouterr().err


def test_what_is_refused_or_damaged_is_a_line_each(folder, archive, capsys):
    archive.refused[2] = 0xA700
    (folder / "z.dcm").write_bytes(b"no DICOM")
    words = [folder, f"127.0.0.1:{archive.port}", "--their-title", "ARCHIVE"]
    assert run(["send-dicom", *map(str, words)]) == 1
    told = capsys.readouterr().err
    assert sorted(archive.taken) == [1, 3, 4]
    assert "01-0002.dcm: not taken (status 0xA700)" in told
    assert "z.dcm: " in told
    assert told.strip().endswith("2 of 5 files were not taken")


@pytest.mark.parametrize(
    ("title", "host", "message"),
    [
        ("OTHER", "127.0.0.1", "refuses the association; does it know PETSYNTH"),
        (
            "ARCHIVE",
            "127.0.0.1:1",
            "cannot be reached .Connection refused.; check host",
        ),
    ],
)
def test_archives_that_do_not_want_it(folder, archive, title, host, message):
    host, _, port = host.partition(":")
    with pytest.raises(OutputError, match=message):
        send(find_sendable(folder), Node(host, int(port or archive.port), title), print)


def test_an_archive_that_goes_away(folder, archive, monkeypatch):
    monkeypatch.setattr(sending, "_ANSWER_S", 3.0)
    archive.ends = True
    with pytest.raises(OutputError, match="ended the connection after 0 of 4 files; send them"):
        send(find_sendable(folder), Node("127.0.0.1", archive.port, "ARCHIVE"), print)


@pytest.mark.parametrize("text", ["pacs", "pacs:", ":104", "pacs:0", "pacs:70000", "pacs:x"])
def test_what_names_no_archive(text):
    with pytest.raises(ArgumentError, match="must be HOST:PORT"):
        parse_node(text)


def test_titles_and_folders(tmp_path):
    with pytest.raises(ArgumentError, match="1 to 16 ASCII characters"):
        parse_node("pacs:104", "A" * 17)
    with pytest.raises(InputError, match="holds no DICOM file"):
        find_sendable(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        find_sendable(tmp_path / "nowhere")
