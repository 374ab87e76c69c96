"""Children of `up`: restarted, left alone or stopped in order, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from inference_graph.local.process import Program
from inference_graph.local.stopping import Stopping, StopRequested
from inference_graph.local.supervisor import ProcessFailed, Supervisor, restart_delay

SLEEPER = "import time; open({started!r}, 'a').write('x'); print('hello', flush=True); time.sleep(60)"


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "not within the time"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0] != "Z"
    except OSError:
        return False


class Asked(Stopping):
    """Asks for the end once a condition holds."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        super().__init__()
        self._condition = condition
        self._until = time.monotonic() + 10

    def check(self) -> None:
        assert time.monotonic() < self._until, "not within the time"
        if self._condition():
            raise StopRequested


def program(folder: Path, name: str = "sleeper", code: str | None = None, layer: int = 0, ready: bool = True) -> Program:
    """A child that notes each of its starts in a file of its name."""
    started = folder / name
    command = (sys.executable, "-S", "-c", (code or SLEEPER).format(started=str(started)))
    return Program(name, command, folder / f"{name}.log", layer, port=1, ready=lambda: ready and started.exists())


def starts(folder: Path, name: str = "sleeper") -> int:
    path = folder / name
    return len(path.read_text()) if path.exists() else 0


@pytest.fixture
def supervisors() -> Iterator[Callable[..., Supervisor]]:
    made: list[Supervisor] = []

    def make(stopping: Stopping, said: list[str], **more: object) -> Supervisor:
        made.append(Supervisor(stopping, said.append, first_delay=0.05, **more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.stop(1)


def test_a_dead_child_is_started_again_and_everybody_is_told(tmp_path, supervisors):
    said, written = [], []
    stopping = Asked(lambda: starts(tmp_path) == 2)
    supervisor = supervisors(stopping, said, changed=lambda children: written.append(children[0].process.pid))
    supervisor.start([program(tmp_path)])
    supervisor.wait_until_ready(10)
    first = supervisor.children[0].process.pid
    os.kill(first, signal.SIGKILL)
    with pytest.raises(StopRequested):
        supervisor.watch()
    assert written == [first, supervisor.children[0].process.pid]
    assert f"sleeper (pid {first}) was ended by SIGKILL and is started again" in said[0]
    assert str(tmp_path / "sleeper.log") in said[0]


def test_without_restart_a_dead_child_stays_dead_and_the_last_death_ends_everything(tmp_path, supervisors):
    said = []
    supervisor = supervisors(Stopping(), said, restart=False)
    supervisor.start([program(tmp_path, "one"), program(tmp_path, "two")])
    supervisor.wait_until_ready(10)
    for child in supervisor.children:
        os.kill(child.process.pid, signal.SIGKILL)
    with pytest.raises(ProcessFailed, match="every process has ended"):
        supervisor.watch()
    assert len(said) == 2
    assert starts(tmp_path, "one") == starts(tmp_path, "two") == 1


def test_restarts_wait_three_seconds_then_ever_longer_up_to_thirty():
    assert [restart_delay(failures) for failures in range(1, 7)] == [3, 6, 12, 24, 30, 30]


def test_a_child_that_dies_at_its_start_is_named_with_the_end_of_its_log(tmp_path, supervisors):
    said = []
    supervisor = supervisors(Stopping(), said)
    supervisor.start([program(tmp_path, "broken", "print('no such model', flush=True); raise SystemExit(3)", ready=False)])
    with pytest.raises(ProcessFailed, match=r"broken ended with exit status 3; above is the end of its log, .*broken\.log"):
        supervisor.wait_until_ready(10)
    assert said == ["no such model"]


def test_a_child_that_never_answers_is_named_after_the_deadline(tmp_path, supervisors):
    supervisor = supervisors(Stopping(), [])
    supervisor.start([program(tmp_path, ready=False)])
    with pytest.raises(ProcessFailed, match="sleeper did not answer within 0 s"):
        supervisor.wait_until_ready(0.3)


def test_children_are_stopped_from_the_top_layer_down_and_the_stubborn_ones_killed(tmp_path, supervisors):
    ends = tmp_path / "ends"
    polite = "import signal, sys, time\nsignal.signal(15, lambda *_: (open({ends!r}, 'a').write({name!r} + ' '), sys.exit()))\n"
    stubborn = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\n"
    supervisor = supervisors(Stopping(), [])
    for name, layer in (("redis", 0), ("model", 1), ("transformer", 2)):
        code = polite.format(ends=str(ends), name=name) + SLEEPER
        supervisor.start([program(tmp_path, name, code, layer)])
    supervisor.start([program(tmp_path, "stubborn", stubborn + SLEEPER, 1)])
    supervisor.wait_until_ready(10)
    supervisor.stop(0.5)
    assert ends.read_text().split() == ["transformer", "model", "redis"]
    assert supervisor.children[3].process.returncode == -signal.SIGKILL


def test_a_stopped_parent_asks_for_the_end():
    with pytest.raises(StopRequested):
        Stopping(parent=1 if os.getppid() != 1 else 2).pause(10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_next_wait_and_a_second_one_means_hurry(number):
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    stopping = Stopping()
    try:
        stopping.install()
        os.kill(os.getpid(), number)
        with pytest.raises(StopRequested):
            stopping.pause(10)
        assert not stopping.hurry
        os.kill(os.getpid(), number)
        assert stopping.hurry
    finally:
        for each, action in before.items():
            signal.signal(each, action)


def test_no_child_outlives_a_killed_parent(tmp_path):
    """Even one that ignores every signal that can be ignored."""
    stubborn = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)"
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
from inference_graph.local.process import spawn
child = spawn((sys.executable, "-S", "-c", {stubborn!r}), {{}})
print(child.pid, flush=True)
child.wait()
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    try:
        lines = {parent.stdout.readline().strip(), parent.stdout.readline().strip()}
        pid = int((lines - {"up"}).pop())
        assert alive(pid)
        parent.kill()
        parent.wait()
        wait_until(lambda: not alive(pid))
    finally:
        parent.stdout.close()
        with suppress(ProcessLookupError):
            parent.kill()
