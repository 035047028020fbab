"""Muster's plugin for pytest: lists tests, runs exactly the wanted ones, reports each as it happens.

Written into a private folder and loaded by `-p`; it is told what to do by variables that it removes again, so that the
tests see none of it:

MUSTER_EVENTS   where to report: a file or a pipe, one JSON object a line.
MUSTER_TESTS    a file with a JSON list of names: run exactly these.
MUSTER_BATCHES  a pipe with the path of such a file on each line: run one batch after the other, say so after each, and
                end with the pipe. Neither of these two: list only.
MUSTER_ALL      set: make the tests of every file, not only of those that the names point to.

A test's name is its node id with control characters and lone surrogates escaped by a backslash. Where pytest collects
the same node id more than once, the second is called `<id> [again 2]`, and so on: pytest alone counts each of them.
"""

import faulthandler
import json
import os
import signal
import sys

import pytest
from _pytest.reports import CollectReport

TEXT_CHARS_MAX = 32 << 10
MESSAGE_CHARS_MAX = 4 << 10
SUBTEST_REPORTS = ("SubTestReport", "SubtestReport")
# Plugins that run a failed test again by themselves: whether to try again is not theirs to decide here.
RETRYING_PLUGINS = ("rerunfailures", "pytest_rerunfailures", "flaky", "pytest-retry", "pytest_retry")
# Options of pytest and of its plugins that would choose, repeat or spread tests.
NEUTRAL_OPTIONS = {
    "maxfail": 0,
    "lf": False,
    "failedfirst": False,
    "newfirst": False,
    "stepwise": False,
    "stepwise_skip": False,
    "numprocesses": None,
    "maxprocesses": None,
    "dist": "no",
    "tx": [],
    "px": [],
    "looponfail": False,
    "distload": False,
    "reruns": 0,
}


def take(name):
    return os.environ.pop(name, None)


def forget_this_folder():
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    entries = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != here]
    if entries:
        os.environ["PYTHONPATH"] = os.pathsep.join(entries)
    else:
        os.environ.pop("PYTHONPATH", None)


class Reporter:
    """Writes events. Silent in a process that a test has forked off."""

    def __init__(self, place):
        # A bare descriptor: a file object would be warned about as unclosed when the interpreter ends.
        self.descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if place else None
        self.pid = os.getpid()

    def send(self, **event):
        if self.descriptor is None or os.getpid() != self.pid:
            return
        rest = (json.dumps(event) + "\n").encode("ascii")
        try:
            while rest:
                rest = rest[os.write(self.descriptor, rest):]
        except BrokenPipeError:
            os._exit(70)


class Batches:
    """The names to run, batch by batch."""

    def __init__(self, tests, pipe):
        self.lines = iter([tests] if tests else [])
        self.is_warm = pipe is not None
        if pipe is not None:
            # Bytes one by one: what is read ahead by a file object would be lost to nobody, but it waits for a full buffer.
            self.descriptor = os.open(pipe, os.O_RDONLY)
            self.lines = iter(self.read_line, "")

    def read_line(self):
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self.descriptor, 1)
            if not byte:
                return ""
            line += byte
        return os.fsdecode(line[:-1])

    def next(self):
        place = next(self.lines, None)
        if place is None:
            return None
        with open(place, encoding="utf-8") as file:
            return json.load(file)


def file_of(name):
    return name.split("::", 1)[0]


forget_this_folder()
REPORTER = Reporter(take("MUSTER_EVENTS"))
BATCHES = Batches(take("MUSTER_TESTS"), take("MUSTER_BATCHES"))
WANTED = BATCHES.next()
WANTED_FILES = {file_of(name) for name in WANTED or ()}
COLLECT_ALL = take("MUSTER_ALL") is not None
# Files whose tests have not been made, by name, each with its collectors: a later batch may want them.
UNMADE = {}
# Tests that have been made, by name, in the order of collection.
MADE = {}
NAMES = {}
REPORTS = []
if WANTED is not None:
    # Asked to stop, say first where every thread is: what a test that hangs was doing.
    faulthandler.register(signal.SIGTERM, file=os.dup(2), all_threads=True, chain=True)


def readable(text):
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if text.isprintable():
        return text
    return "".join(c if ord(c) >= 32 and ord(c) != 127 else c.encode("unicode_escape").decode("ascii") for c in text)


def clean(text, chars_max):
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(text) > chars_max:
        half = chars_max // 2
        text = "%s\n[... %d characters left out ...]\n%s" % (text[:half], len(text) - 2 * half, text[-half:])
    return text


def name_items(items):
    seen = {}
    for item in items:
        name = readable(item.nodeid)
        seen[name] = seen.get(name, 0) + 1
        NAMES[item] = name if seen[name] == 1 else "%s [again %d]" % (name, seen[name])


@pytest.hookimpl(hookwrapper=True)
def pytest_cmdline_main(config):
    for option, value in NEUTRAL_OPTIONS.items():
        if hasattr(config.option, option):
            setattr(config.option, option, value)
    for name in RETRYING_PLUGINS:
        plugin = config.pluginmanager.get_plugin(name)
        if plugin is not None:
            config.pluginmanager.unregister(plugin)
    REPORTER.send(event="hello", version=pytest.__version__)
    yield


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.addinivalue_line("markers", "flaky: marks a test for plugins that run failed tests again")


@pytest.hookimpl(tryfirst=True)
def pytest_make_collect_report(collector):
    """Of a file without a wanted test the module is imported, and no more.

    Imported because tests lean, mostly without knowing, on what other files of the suite import: they must find here
    what they find when pytest runs the whole suite.
    """
    if WANTED is None or COLLECT_ALL or not isinstance(collector, pytest.File) or isinstance(collector, pytest.Package):
        return None
    # An argument that points into a file has pytest look for its tests there, and complain if there are none.
    if readable(collector.nodeid) in WANTED_FILES or any("::" in str(arg) for arg in collector.config.args):
        return None
    if isinstance(collector, pytest.Module):
        try:
            collector.obj
        except (Exception, pytest.skip.Exception):
            # What is wrong with it was said when the tests were listed.
            pass
    if BATCHES.is_warm:
        UNMADE.setdefault(readable(collector.nodeid), []).append(collector)
    return CollectReport(collector.nodeid, "passed", None, [])


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_collection_modifyitems(session, config, items):
    yield
    name_items(items)
    if WANTED is None:
        return
    for item in items:
        MADE[NAMES[item]] = item
    others = len(items)
    items[:] = chosen()
    if others > len(items):
        wanted = set(items)
        config.hook.pytest_deselected(items=[item for item in MADE.values() if item not in wanted])


def chosen():
    """The wanted tests: files in the order in which they were dealt, tests within a file as pytest collected them, so that
    fixtures of a module or class are made once."""
    wanted = set(WANTED)
    first_of_file = {}
    for place, name in enumerate(WANTED):
        first_of_file.setdefault(file_of(name), place)
    found = [(name, item) for name, item in MADE.items() if name in wanted]
    found.sort(key=lambda pair: first_of_file[file_of(pair[0])])
    return [item for _, item in found]


def make_wanted(session):
    """Makes the tests of wanted files that no earlier batch wanted."""
    items = []
    for name in [name for name in UNMADE if name in WANTED_FILES]:
        for collector in UNMADE.pop(name):
            items.extend(session.genitems(collector))
    if items:
        # Chooses too, which is nothing to this list.
        session.config.hook.pytest_collection_modifyitems(session=session, config=session.config, items=items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    global WANTED, WANTED_FILES
    if not BATCHES.is_warm or session.config.option.collectonly:
        return None
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        raise session.Interrupted("errors during collection")
    while True:
        for item, nextitem in zip(session.items, [*session.items[1:], None]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
        sys.stdout.flush()
        sys.stderr.flush()
        REPORTER.send(event="done")
        WANTED = BATCHES.next()
        if WANTED is None:
            return True
        WANTED_FILES = {file_of(name) for name in WANTED}
        make_wanted(session)
        session.items = chosen()
        session.testscollected += len(session.items)


def pytest_collection_finish(session):
    if WANTED is None:
        for item in session.items:
            REPORTER.send(event="item", name=NAMES.get(item) or readable(item.nodeid))
        REPORTER.send(event="listed", count=len(session.items))


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    name = NAMES.get(item) or readable(item.nodeid)
    del REPORTS[:]
    REPORTER.send(event="started", name=name)
    outcome = yield
    if outcome.excinfo is None:
        REPORTER.send(event="finished", name=name, **verdict(REPORTS))


def pytest_runtest_logreport(report):
    REPORTS.append(report)


def verdict(reports):
    failed = [report for report in reports if report.failed]
    skipped = [report for report in reports if report.skipped and type(report).__name__ not in SUBTEST_REPORTS]
    if failed:
        outcome, message = "failed", "\n".join(said_by(report) for report in failed)
    elif skipped:
        outcome, message = "skipped", said_by(skipped[0])
    elif reports:
        outcome, message = "passed", ""
    else:
        outcome, message = "errored", "pytest ended this test without a report"
    return {
        "outcome": outcome,
        "seconds": sum(getattr(report, "duration", 0.0) or 0.0 for report in reports),
        "message": clean(message, MESSAGE_CHARS_MAX),
        "output": clean("\n".join(written_in(reports)), TEXT_CHARS_MAX),
    }


def said_by(report):
    where = "" if report.when == "call" or report.skipped else "in %s: " % report.when
    if report.skipped:
        reason = getattr(report, "wasxfail", None)
        if reason is not None:
            return "xfailed: %s" % reason if reason else "xfailed"
        longrepr = report.longrepr
        reason = str(longrepr[2] if isinstance(longrepr, tuple) and len(longrepr) == 3 else longrepr)
        return reason[len("Skipped: "):] if reason.startswith("Skipped: ") else reason
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return "%s%s\n%s:%s" % (where, crash.message, crash.path, crash.lineno)
    lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
    return where + (lines[-1] if lines else "failed")


def written_in(reports):
    for report in reports:
        if report.failed:
            yield report.longreprtext
    last = {}
    for report in reports:
        for title, text in report.sections:
            last[title] = text
    for title, text in last.items():
        if text:
            yield "--- %s ---\n%s" % (title, text)
