from __future__ import annotations

import logging
from dataclasses import FrozenInstanceError

import pytest
from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.workspace import Workspace

from context.document import Snapshot
from lsp_server.documents import Documents, NotOpenError

URI = "file:///work/app/src/a.py"
ENCODINGS = tuple(types.PositionEncodingKind)


def check_at(marked: str, position: tuple[int, int], encoding: str = "utf-16") -> None:
    """A request at `position` reaches the cursor mark, and the mark's offset leads back to the position."""
    before, after = marked.split("<|>")
    documents = opened(before + after, encoding=encoding)
    snapshot, offset = documents.at(request(*position))
    assert (snapshot.text[:offset], snapshot.text[offset:]) == (before, after)
    assert documents.position_of(snapshot, offset) == types.Position(*position)


def opened(text: str, *, uri: str = URI, encoding: str = "utf-16", folders: tuple[str, ...] = ()) -> Documents:
    """What the server holds after the client opened one document."""
    workspace_folders = [types.WorkspaceFolder(folder, folder) for folder in folders]
    workspace = Workspace(None, workspace_folders=workspace_folders, position_encoding=encoding)
    documents = Documents.from_workspace(workspace)
    open_in(documents, text, uri)
    return documents


def open_in(documents: Documents, text: str, uri: str = URI, language: str = "python", version: int = 1) -> None:
    documents.put_text_document(types.TextDocumentItem(uri, language, version, text))


def change(
    documents: Documents, version: int, text: str, span: tuple[int, int, int, int] | None = None, uri: str = URI
) -> None:
    """One change as pygls hands it on: of `span` (line, column, line, column), or of the whole text."""
    event: types.TextDocumentContentChangeEvent = types.TextDocumentContentChangeWholeDocument(text)
    if span:
        changed = types.Range(types.Position(*span[:2]), types.Position(*span[2:]))
        event = types.TextDocumentContentChangePartial(range=changed, text=text)
    documents.update_text_document(types.VersionedTextDocumentIdentifier(version, uri), event)


def request(line: int, column: int, uri: str = URI) -> types.HoverParams:
    return types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(line, column))


@pytest.mark.parametrize(
    ("marked", "position", "encoding"),
    [
        ("<|>", (0, 0), "utf-16"),
        ("a\nb<|>c\n", (1, 1), "utf-16"),
        ("a\r\nb<|>\r\nc", (1, 1), "utf-16"),
        ("a\rb\r<|>c", (2, 0), "utf-16"),
        ("x = '😀<|>'", (0, 7), "utf-16"),
        ("x = '😀<|>'", (0, 9), "utf-8"),
        ("x = '😀<|>'", (0, 6), "utf-32"),
        ("漢字<|>\n", (0, 2), "utf-16"),
        ("漢字<|>\n", (0, 6), "utf-8"),
        ("a\fb\x85c\u2028d<|>", (0, 7), "utf-16"),
    ],
)
def test_a_request_reaches_its_cursor(marked, position, encoding):
    check_at(marked, position, encoding)


def test_a_request_past_the_end_of_the_text_reaches_the_end_and_keeps_its_own_position():
    documents = opened("abc")
    params = request(0, 99)
    assert documents.at(params)[1] == 3
    assert params.position == types.Position(0, 99)
    assert documents.at(request(7, 0))[1] == 3


@pytest.mark.parametrize(
    ("text", "span", "edited"),
    [
        ("a\fb\nsecond\n", (1, 0, 1, 0), "a\fb\nXsecond\n"),
        ("a\u2028b\nsecond", (1, 0, 1, 0), "a\u2028b\nXsecond"),
        ("a\x85b\nsecond", (1, 0, 1, 6), "a\x85b\nX"),
        ("abc", (0, 99, 0, 99), "abcX"),
        ("abc\n", (0, 99, 0, 99), "abcX\n"),
        ("abc\n", (1, 0, 1, 0), "abc\nX"),
        ("abc\n", (9, 9, 9, 9), "abc\nX"),
        ("abc\r\ndef", (0, 3, 1, 0), "abcXdef"),
    ],
)
def test_an_edit_lands_where_the_client_sees_it(text, span, edited):
    documents = opened(text)
    change(documents, 2, "X", span)
    assert documents.snapshot(URI).text == edited


def test_the_changes_of_one_message_are_applied_in_order_and_bring_its_version():
    documents = opened("def f():\n")
    change(documents, 2, "    return 1\n", (1, 0, 1, 0))
    change(documents, 2, "2", (1, 11, 1, 12))
    assert documents.snapshot(URI) == Snapshot(URI, "a.py", "python", 2, "def f():\n    return 2\n")


def test_a_change_without_a_range_replaces_the_text():
    documents = opened("old\ntext\n")
    change(documents, 2, "new")
    assert documents.snapshot(URI).text == "new"
    change(documents, 3, "er", (0, 3, 0, 3))
    assert documents.snapshot(URI).text == "newer"


def test_a_snapshot_is_frozen_and_outlives_later_edits():
    documents = opened("one")
    snapshot = documents.snapshot(URI)
    change(documents, 2, "two", (0, 0, 0, 3))
    assert (snapshot.version, snapshot.text) == (1, "one")
    with pytest.raises(FrozenInstanceError):
        snapshot.text = "three"


def test_a_snapshot_is_the_same_object_until_the_document_changes():
    documents = opened("one")
    first = documents.snapshot(URI)
    assert documents.at(request(0, 0))[0] is first
    change(documents, 2, "", (0, 0, 0, 0))
    second = documents.snapshot(URI)
    assert (second.version, second.text) == (2, "one")
    assert second is not first


@pytest.mark.parametrize(("encoding", "end"), [("utf-8", 6), ("utf-16", 4), ("utf-32", 3)])
def test_a_range_counts_as_the_client_does(encoding, end):
    documents = opened("a\nb😀c\n", encoding=encoding)
    assert documents.range_of(documents.snapshot(URI), 2, 5) == types.Range(
        types.Position(1, 0), types.Position(1, end)
    )


def test_a_range_of_an_older_snapshot_is_counted_in_its_own_text():
    documents = opened("a\nb")
    snapshot = documents.snapshot(URI)
    expected = types.Range(types.Position(1, 0), types.Position(1, 1))
    change(documents, 2, "\n\n\n", (0, 0, 0, 0))
    assert documents.range_of(snapshot, 2, 3) == expected
    documents.remove_text_document(URI)
    assert documents.range_of(snapshot, 2, 3) == expected


def test_a_document_that_is_not_open_is_refused_even_if_its_file_exists(tmp_path):
    path = tmp_path / "b.py"
    path.write_text("secret")
    documents = opened("a")
    for ask in (documents.snapshot, documents.get_text_document, lambda uri: documents.at(request(0, 0, uri))):
        with pytest.raises(NotOpenError):
            ask(path.as_uri())


def test_a_closed_document_is_not_open():
    documents = opened("a")
    documents.remove_text_document(URI)
    with pytest.raises(NotOpenError):
        documents.snapshot(URI)


def test_a_document_opened_anew_starts_afresh():
    documents = opened("old")
    documents.snapshot(URI)
    open_in(documents, "new", language="cython", version=7)
    assert documents.snapshot(URI) == Snapshot(URI, "a.py", "cython", 7, "new")


def test_two_spellings_of_one_uri_are_one_document():
    documents = opened("a", uri="file:///c%3A/x/a.py")
    change(documents, 2, "b", (0, 1, 0, 1), uri="file:///c:/x/a.py")
    assert documents.snapshot("file:///c%3A/x/a.py").text == "ab"


@pytest.mark.parametrize(
    ("uri", "folders", "path"),
    [
        ("file:///work/app/src/a.py", ("file:///work/app",), "src/a.py"),
        ("file:///work/app/src/a.py", ("file:///work/app/",), "src/a.py"),
        ("file:///work/app/src/a.py", ("file:///work/app", "file:///work/app/src", "file:///work"), "a.py"),
        ("file:///work/application/a.py", ("file:///work/app",), "a.py"),
        ("file:///elsewhere/a.py", ("file:///work/app",), "a.py"),
        ("file:///work/a.py", (), "a.py"),
        ("file:///a.py", ("file:///",), "a.py"),
        ("file:///work/my%20app/%E6%BC%A2%23.py", ("file:///work/my app",), "漢#.py"),
        ("file:///c%3A/Work/src/a.py", ("file:///C:/Work",), "src/a.py"),
        ("file://server/share/src/a.py", ("file://server/share",), "src/a.py"),
        ("file://other/share/src/a.py", ("file://server/share",), "a.py"),
        ("vscode-remote://ssh-remote%2Bbox/work/src/a.py", ("vscode-remote://ssh-remote+box/work",), "src/a.py"),
        ("vscode-notebook-cell:/work/app/nb/plot.ipynb#W0sZmlsZQ%3D%3D", ("file:///work/app",), "nb/plot.ipynb"),
        ("git:/work/app/src/a.py?%7B%22ref%22%3A%22HEAD%22%7D", ("file:///work/app",), "a.py"),
        ("untitled:Untitled-1", ("file:///work/app",), ""),
        ("untitled:/work/app/new.py", ("file:///work/app",), ""),
    ],
)
def test_a_path_is_relative_to_the_innermost_folder_that_holds_it(uri, folders, path):
    assert opened("", uri=uri, folders=folders).snapshot(uri).path == path


def test_a_client_without_folders_may_name_a_root():
    documents = Documents.from_workspace(Workspace("file:///work/app"))
    open_in(documents, "")
    assert documents.snapshot(URI).path == "src/a.py"


def test_a_folder_added_later_counts_from_the_next_change_on():
    documents = opened("")
    documents.add_folder(types.WorkspaceFolder("file:///work", "work"))
    change(documents, 2, "a", (0, 0, 0, 0))
    assert documents.snapshot(URI).path == "app/src/a.py"


def test_a_symbolic_link_keeps_the_name_the_client_gave_it(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    uri = (tmp_path / "link" / "a.py").as_uri()
    assert opened("", uri=uri, folders=(tmp_path.as_uri(),)).snapshot(uri).path == "link/a.py"


def test_the_cell_of_an_open_notebook_takes_the_notebooks_path():
    documents = opened("", folders=("file:///work/app",))
    cell = types.TextDocumentItem("cell:1", "python", 1, "x = 1")
    notebook = types.NotebookDocument(
        "file:///work/app/a%23b.ipynb",
        "jupyter-notebook",
        1,
        [types.NotebookCell(types.NotebookCellKind.Code, cell.uri)],
    )
    documents.put_notebook_document(types.DidOpenNotebookDocumentParams(notebook, [cell]))
    assert documents.snapshot("cell:1").path == "a#b.ipynb"
    identifier = types.NotebookDocumentIdentifier(notebook.uri)
    closed = [types.TextDocumentIdentifier("cell:1")]
    documents.remove_notebook_document(types.DidCloseNotebookDocumentParams(identifier, closed))
    with pytest.raises(NotOpenError):
        documents.snapshot("cell:1")


def test_the_hooks_tell_what_happened_after_it_happened():
    documents = opened("é", uri="file:///other.py")
    told = []
    documents.on_open = lambda uri: told.append(("open", uri, documents.snapshot(uri).text))
    documents.on_change = lambda uri, change: told.append(
        (change.start_byte, change.old_end_byte, change.edit.text, documents.snapshot(uri).version)
    )
    documents.on_close = lambda uri: told.append(("close", uri))
    open_in(documents, "é\n")
    change(documents, 2, "x", (0, 1, 1, 0))
    documents.remove_text_document(URI)
    documents.remove_text_document(URI)
    assert told == [("open", URI, "é\n"), (2, 3, "x", 2), ("close", URI)]


def test_a_failing_hook_costs_no_edit_and_shows_no_text(caplog):
    documents = opened("")

    def fail(uri, change):
        raise ValueError(change.edit.text)

    documents.on_change = fail
    with caplog.at_level(logging.DEBUG):
        change(documents, 2, "my secret", (0, 0, 0, 0))
    assert documents.snapshot(URI).text == "my secret"
    assert "ValueError" in caplog.text
    assert "my secret" not in caplog.text


def test_what_pygls_offers_its_users_still_reads_the_text():
    documents = opened("one\ftwo\r\nthree")
    change(documents, 2, "1", (0, 0, 0, 3))
    document = documents.get_text_document(URI)
    assert (document.source, document.version, document.language_id) == ("1\ftwo\r\nthree", 2, "python")
    assert documents.text_documents[URI] is document


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_server_that_swaps_them_in_uses_them_for_the_clients_messages(encoding):
    server = LanguageServer("test", "1")

    @server.feature(types.INITIALIZE)
    def swap(params: types.InitializeParams) -> None:
        server.protocol._workspace = Documents.from_workspace(server.workspace)

    capabilities = types.ClientCapabilities(general=types.GeneralClientCapabilities(position_encodings=[encoding]))
    run(server, types.INITIALIZE, types.InitializeParams(capabilities=capabilities, root_uri="file:///work"))
    run(
        server,
        types.TEXT_DOCUMENT_DID_OPEN,
        types.DidOpenTextDocumentParams(item := types.TextDocumentItem(URI, "python", 1, "😀")),
    )
    after = {"utf-8": 4, "utf-16": 2, "utf-32": 1}[encoding]
    inserted = types.TextDocumentContentChangePartial(
        range=types.Range(types.Position(0, after), types.Position(0, after)), text="!"
    )
    identifier = types.VersionedTextDocumentIdentifier(2, item.uri)
    run(server, types.TEXT_DOCUMENT_DID_CHANGE, types.DidChangeTextDocumentParams(identifier, [inserted]))
    assert server.workspace.snapshot(URI) == Snapshot(URI, "app/src/a.py", "python", 2, "😀!")


def run(server: LanguageServer, method: str, params: object) -> None:
    """Let pygls' own handler of a message run to its end, and the server's handler where it yields one."""
    for handler, arguments, _ in server.protocol.fm.builtin_features[method](params):
        handler(*arguments)
