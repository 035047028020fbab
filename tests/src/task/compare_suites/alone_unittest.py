"""Unittest as it is, with a result that writes down each test's verdict and id. For comparison: nothing of Muster is in it."""

import sys
import unittest

file = open(sys.argv[1], "w", encoding="utf-8")


class Result(unittest.TextTestResult):
    def startTest(self, test):
        super().startTest(test)
        self.verdict = "passed"

    def stopTest(self, test):
        super().stopTest(test)
        print(self.verdict, test.id(), file=file)

    def addError(self, test, err):
        super().addError(test, err)
        self.verdict = "failed"

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.verdict = "failed"

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.verdict = "failed"

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.verdict = "skipped"

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.verdict = "failed"


class Runner(unittest.TextTestRunner):
    resultclass = Result


sys.path[0] = ""
program = unittest.main(module=None, argv=["unittest", *sys.argv[2:]], testRunner=Runner, exit=False)
file.close()
sys.exit(not program.result.wasSuccessful())
