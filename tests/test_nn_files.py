"""Writing files: whole or not at all, and nothing is replaced that is no file."""

import importlib.util
import os
import stat
import sys
import threading
import time

import pytest

from autodiff import files
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


# What a process that was killed leaves behind, and locks

LEFT = ".file.0123456789abcdef.tmp"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=["locks", "no locks"])
def locks(request, monkeypatch):
    """With the locks of Unix and without; then only what is old is known to be abandoned."""
    if request.param == "no locks":
        monkeypatch.setattr(files, "fcntl", None)
    elif files.fcntl is None:
        pytest.skip("not applicable: there are no locks")
    return request.param == "locks"


def test_what_a_killed_process_left_is_removed_when_the_file_is_written_again(locks, tmp_path):
    (tmp_path / LEFT).write_text("half of the con")
    if not locks:
        write_atomically(tmp_path / "file", "content")
        assert names(tmp_path) == [LEFT, "file"], "it may still be written"
        two_hours_ago = time.time() - 7200.0
        os.utime(tmp_path / LEFT, (two_hours_ago, two_hours_ago))
    write_atomically(tmp_path / "file", "new content")
    assert names(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "new content"


def test_nothing_else_beside_a_file_is_touched(locks, tmp_path):
    others = [".fila.0123456789abcdef.tmp", ".file.0123.tmp", ".file.notes", f"{LEFT}~", f"x{LEFT}", "file.tmp"]
    for name in others:
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / LEFT).mkdir()
    write_atomically(tmp_path / "file", "content")
    assert names(tmp_path) == sorted([*others, LEFT, "file"])


@unix
def test_what_cannot_be_removed_keeps_nothing_else_from_being_removed(tmp_path, monkeypatch):
    folder = ".file.00000000000000ff.tmp"
    (tmp_path / folder).mkdir()
    (tmp_path / LEFT).write_text("")
    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", lambda _: [folder, LEFT])
        write_atomically(tmp_path / "file", "content")
    assert names(tmp_path) == [folder, "file"]


def test_a_file_is_written_into_a_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    def refused(_):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", refused)
        write_atomically(tmp_path / "file", "content")
    assert (tmp_path / "file").read_text() == "content"


@unix
def test_what_another_process_is_writing_stays(tmp_path):
    import fcntl

    with open(tmp_path / LEFT, "wb") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        write_atomically(tmp_path / "file", "content")
        assert names(tmp_path) == [LEFT, "file"]
    write_atomically(tmp_path / "file", "content")
    assert names(tmp_path) == ["file"]


@unix
def test_where_a_file_system_has_no_locks_a_file_is_written_and_nothing_removed(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(files.fcntl, "flock", no_locks)
    (tmp_path / LEFT).write_text("")
    write_atomically(tmp_path / "file", "content")
    assert names(tmp_path) == [LEFT, "file"]


@unix
@pytest.mark.parametrize("taken", ["removed", "locked"])
def test_a_temporary_file_that_somebody_else_takes_for_abandoned_is_given_up_for_another(taken, tmp_path, monkeypatch):
    flock, seen = files.fcntl.flock, []

    def disturbed(file, how):
        seen.append(file)
        if len(seen) == 1 and taken == "locked":
            raise BlockingIOError
        if len(seen) == 1:
            os.unlink(file.name)
        flock(file, how)

    monkeypatch.setattr(files.fcntl, "flock", disturbed)
    write_atomically(tmp_path / "file", "content")
    assert names(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "content"
    assert len(seen) == 2 and seen[0].closed and seen[1].closed


@unix
@pytest.mark.parametrize("removed", [False, True])
@pytest.mark.parametrize("step", ["flock", "fsync"])
def test_an_interrupt_at_any_step_leaves_nothing_open_and_nothing_beside_the_file(step, removed, tmp_path, monkeypatch):
    seen = []
    open_file = open

    def opened(*args, **named):
        seen.append(open_file(*args, **named))
        return seen[-1]

    def interrupted(*_):
        if removed:
            os.unlink(seen[0].name)
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "open", opened, raising=False)
    monkeypatch.setattr(files.fcntl if step == "flock" else os, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", "content")
    assert names(tmp_path) == [] and [file.closed for file in seen] == [True]


def test_a_file_takes_the_old_ones_place_when_it_is_whole_and_on_the_disk(locks, tmp_path, monkeypatch):
    fsync, replace, done = os.fsync, os.replace, []

    def synced(number):
        done.append(os.fstat(number).st_size)
        fsync(number)

    def replaced(new, old):
        done.append(os.stat(new).st_size)
        replace(new, old)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write_atomically(tmp_path / "file", "content")
    assert done == [7, 7]


def test_a_file_is_written_where_the_module_of_locks_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    spec = importlib.util.find_spec("autodiff.files")
    without = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(without)
    without.write_atomically(tmp_path / "file", "content")
    assert without.fcntl is None and names(tmp_path) == ["file"]
