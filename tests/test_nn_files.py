"""Writing files: whole or not at all, and nothing is replaced that is no file."""

import os
import stat
import sys
import threading

import pytest

from autodiff.files import write_atomically
from nn import MLP, save

unix = pytest.mark.skipif(sys.platform == "win32", reason="not applicable: Unix permissions and special files")


@pytest.mark.parametrize(("content", "expected"), [("θ\n", b"\xce\xb8\n"), (b"\x00\xff", b"\x00\xff")])
def test_text_is_written_as_utf_8_and_bytes_as_they_are(content, expected, tmp_path):
    write_atomically(tmp_path / "file", content)
    assert (tmp_path / "file").read_bytes() == expected
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@unix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_a_file_that_exists_keeps_its_mode(mode, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(mode)
    write_atomically(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", mode)


@unix
def test_a_new_file_has_the_mode_of_any_new_file(tmp_path):
    (tmp_path / "usual").write_text("")
    write_atomically(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


@unix
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe, received = tmp_path / "pipe", []
    os.mkfifo(pipe)
    # The open end lets the writer through even where it does not write: the test then fails and does not hang.
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = threading.Thread(target=write_atomically, args=(pipe, "content"))
    writer.start()
    writer.join(10)
    received.append(os.read(end, 100))
    os.close(end)
    assert received == [b"content"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


@unix
def test_a_device_is_written_to_and_not_replaced(tmp_path):
    """A terminal of its own: what replaced /dev/null, as root may, would break the machine and not only the test."""
    end, terminal = os.openpty()
    device, link = os.ttyname(terminal), tmp_path / "terminal"
    link.symlink_to(device)
    before = os.stat(device)
    write_atomically(link, "content")
    assert os.read(end, 100) == b"content"
    assert link.is_symlink()
    assert os.path.samestat(before, os.stat(device))
    os.close(end)
    os.close(terminal)


def test_an_error_names_the_users_path(tmp_path):
    nowhere = tmp_path / "nowhere" / "m.json"
    with pytest.raises(FileNotFoundError) as caught:
        save(MLP(1, [1], rng=0), nowhere)
    assert caught.value.filename == str(nowhere)
    with pytest.raises(IsADirectoryError if os.name == "posix" else OSError) as caught:
        write_atomically(tmp_path, "")
    assert caught.value.filename == str(tmp_path)


def test_threads_saving_to_one_path_at_the_same_time_leave_one_whole_file_and_no_other(tmp_path):
    path, errors = tmp_path / "file", []
    contents = [letter * 100_000 for letter in "abcd"]
    together = threading.Barrier(len(contents))

    def save_often(content):
        together.wait()
        try:
            for _ in range(10):
                write_atomically(path, content)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=save_often, args=[content]) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert path.read_text() in contents
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_while_a_file_is_written_leaves_the_old_one_and_nothing_beside_it(tmp_path, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file", "old")]
