"""Muster's way into unittest: lists tests, runs exactly the wanted ones, reports each as it happens.

Takes the arguments of `python -m unittest`. It is told what to do by variables that it removes again:

MUSTER_EVENTS   where to report: a file or a pipe, one JSON object a line.
MUSTER_TESTS    a file with a JSON list of names: run exactly these.
MUSTER_BATCHES  a pipe with the path of such a file on each line: run one batch after the other, say so after each, and
                end with the pipe. Neither of these two: list only.

A test's name is its id with control characters and lone surrogates escaped by a backslash. Where the loader finds the
same id more than once, the second is called `<id> [again 2]`, and so on: unittest alone runs each of them.
"""

import copy
import faulthandler
import json
import os
import signal
import sys
import time
import traceback
import unittest

TEXT_CHARS_MAX = 32 << 10
MESSAGE_CHARS_MAX = 4 << 10


def take(name):
    return os.environ.pop(name, None)


class Reporter:
    """Writes events. Silent in a process that a test has forked off."""

    def __init__(self, place):
        self.descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.pid = os.getpid()

    def send(self, **event):
        if os.getpid() != self.pid:
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
        self.is_list = tests is None and pipe is None
        self.is_warm = pipe is not None
        if pipe is not None:
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


REPORTER = Reporter(take("MUSTER_EVENTS"))
BATCHES = Batches(take("MUSTER_TESTS"), take("MUSTER_BATCHES"))
# The tests by their identity; held, so that none can take the identity of another.
NAMES = {}


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


def flat(test):
    if isinstance(test, unittest.BaseTestSuite):
        for inner in test:
            yield from flat(inner)
    elif test is not None:
        yield test


def name_tests(suite):
    seen = {}
    for test in flat(suite):
        name = readable(test.id())
        seen[name] = seen.get(name, 0) + 1
        NAMES[id(test)] = (name if seen[name] == 1 else "%s [again %d]" % (name, seen[name]), test)


def name_of(test):
    return NAMES[id(test)][0]


def only(suite, wanted):
    """A copy of the suite with the wanted tests; suites of a kind of their own stay of their kind."""
    kept = []
    for test in suite:
        if isinstance(test, unittest.BaseTestSuite):
            inner = only(test, wanted)
            if inner.countTestCases():
                kept.append(inner)
        elif test is not None and name_of(test) in wanted:
            kept.append(test)
    other = copy.copy(suite)
    other._tests = kept
    other._cleanup = False
    return other


class Result(unittest.TextTestResult):
    """Reports each test when the next one begins, for what is torn down in between belongs to it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.wanted = {}
        self.held = None
        self.problems = []
        self.skips = []

    def startTest(self, test):
        self.settle()
        self.problems = []
        self.skips = []
        self.since = time.monotonic()
        self.took = None
        if id(test) in NAMES:
            REPORTER.send(event="started", name=name_of(test))
        super().startTest(test)

    def stopTest(self, test):
        seconds = time.monotonic() - self.since
        written = self.written()
        super().stopTest(test)
        if id(test) in NAMES:
            self.held = (test, self.problems, self.skips, seconds, written)

    def written(self):
        texts = [getattr(getattr(self, stream), "getvalue", str)() for stream in ("_stdout_buffer", "_stderr_buffer")]
        return "\n".join(text for text in texts if text)

    def settle(self):
        """The last test has its verdict, and nothing can be added to it any more."""
        if self.held is None:
            return
        test, problems, skips, seconds, written = self.held
        self.held = None
        self.wanted.pop(name_of(test), None)
        if problems:
            outcome, message = "failed", "\n".join(message for message, _ in problems)
        elif skips:
            outcome, message = "skipped", skips[0]
        else:
            outcome, message = "passed", ""
        output = "\n".join([text for _, text in problems] + ([written] if written else []))
        report(name_of(test), outcome, message, output, seconds)

    def problem(self, test, error, where=""):
        text = "".join(traceback.format_exception(*error))
        last = text.strip().splitlines()[-1] if text.strip() else "failed"
        found = (where + (str(error[1]) and "%s: %s" % (error[0].__name__, error[1]) or last), text)
        if id(test) in NAMES:
            self.problems.append(found)
        else:
            self.around(test, "failed", found)

    def around(self, holder, outcome, found):
        """Something around tests: `setUpClass (module.Class)`, `tearDownModule (module)`."""
        what, _, scope = holder.id().partition(" ")
        scope = scope.strip("()")
        message, text = found
        message = "in %s: %s" % (what, message)
        if what.startswith("tearDown"):
            if self.held is not None:
                self.held[1].append((message, text))
            return
        for name, test in list(self.wanted.items()):
            kind = test.__class__
            if scope in (unittest.util.strclass(kind), kind.__module__):
                del self.wanted[name]
                report(name, outcome, message, text)

    def addError(self, test, err):
        self.problem(test, err)
        super().addError(test, err)

    def addFailure(self, test, err):
        self.problem(test, err)
        super().addFailure(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.problem(test, err, "%s: " % subtest._subDescription())
        super().addSubTest(test, subtest, err)

    def addSkip(self, test, reason):
        if isinstance(test, unittest.TestCase) and id(test) in NAMES:
            self.skips.append(reason)
        elif not hasattr(test, "test_case"):
            self.around(test, "skipped", (reason, ""))
        super().addSkip(test, reason)

    def addUnexpectedSuccess(self, test):
        self.problems.append(("it was expected to fail, and passed", ""))
        super().addUnexpectedSuccess(test)


def report(name, outcome, message, output, seconds=0.0):
    REPORTER.send(
        event="finished",
        name=name,
        outcome=outcome,
        seconds=seconds,
        message=clean(message, MESSAGE_CHARS_MAX),
        output=clean(output, TEXT_CHARS_MAX),
    )


class Runner(unittest.TextTestRunner):
    """What unittest hands its tests to."""

    resultclass = Result

    def __init__(self, *args, **kwargs):
        # Whether to go on after a failure is not unittest's to decide here.
        kwargs["failfast"] = False
        super().__init__(*args, **kwargs)

    def run(self, suite):
        if not isinstance(suite, unittest.BaseTestSuite):
            suite = unittest.TestSuite([suite])
        name_tests(suite)
        if BATCHES.is_list:
            names = [name for name, _ in NAMES.values()]
            for name in names:
                REPORTER.send(event="item", name=name)
            REPORTER.send(event="listed", count=len(names))
            return unittest.TestResult()
        faulthandler.register(signal.SIGTERM, file=os.dup(2), all_threads=True, chain=True)
        result = unittest.TestResult()
        while True:
            wanted = BATCHES.next()
            if wanted is None:
                return result
            result = self.run_batch(suite, set(wanted))
            if BATCHES.is_warm:
                sys.stdout.flush()
                sys.stderr.flush()
                REPORTER.send(event="done")

    def run_batch(self, suite, wanted):
        self.tests = {name: test for name, test in NAMES.values() if name in wanted}
        return super().run(only(suite, wanted))

    def _makeResult(self):
        result = super()._makeResult()
        result.wanted = dict(self.tests)
        original = result.stopTestRun

        def stop():
            result.settle()
            original()

        result.stopTestRun = stop
        return result


# As `python -m unittest` has it: the current folder, not that of this file.
sys.path[0] = os.getcwd()
REPORTER.send(event="hello", version=sys.version.split()[0])
program = unittest.main(module=None, argv=["python -m unittest", *sys.argv[1:]], testRunner=Runner, exit=False)
sys.exit(not program.result.wasSuccessful())
