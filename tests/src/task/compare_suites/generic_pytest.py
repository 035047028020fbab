"""pytest behind two commands: `list` prints ids as JUnit XML names them, `run FILE` runs exactly those.

For the comparison of Muster's generic runner with pytest alone: Muster sees ids and JUnit XML, and no more of pytest.
"""

import contextlib
import sys

import pytest


def junit_id(item):
    """`classname.name` as pytest's own JUnit XML writes it."""
    from _pytest.junitxml import mangle_test_address

    names = mangle_test_address(item.nodeid)
    return ".".join(names[:-1]) + "." + names[-1]


class Lister:
    def pytest_collection_finish(self, session):
        for item in session.items:
            print(junit_id(item), file=sys.__stdout__)


class Chooser:
    def __init__(self, ids):
        self.ids = ids

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if junit_id(item) in self.ids]


COMMON = ["-q", "-p", "no:cacheprovider"]

if sys.argv[1] == "list":
    # Standard output is for the ids; what pytest says for people goes to the log.
    with contextlib.redirect_stdout(sys.stderr):
        sys.exit(pytest.main([*COMMON, "--collect-only"], plugins=[Lister()]))
with open(sys.argv[2], encoding="utf-8") as file:
    chosen = set(file.read().splitlines())
status = pytest.main([*COMMON, "--junit-xml", "results.xml"], plugins=[Chooser(chosen)])
sys.exit(0 if status == 1 else status)
