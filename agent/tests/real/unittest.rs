//! Unittest as it is installed, through the adapter.

use std::time::Duration;

use crate::place::{Place, names, text};
use muster_agent::runner::Fault;
use muster_common::error_code::ReasonCode;
use muster_common::outcome::TryOutcome::{Errored, Failed, Passed, Skipped};
use muster_common::spec::Runner;

const UNITTEST: Runner = Runner::Unittest { args: Vec::new() };

#[tokio::test]
async fn verdicts_are_those_of_unittest_and_fixtures_belong_to_their_tests() {
    let place = Place::new();
    place.write("test_all.py", ALL);
    place.write("test_broken.py", "import nothing_of_this_name\n");
    let (found, _) = place.discover(&UNITTEST).await.expect("it lists");
    let ran = place.run(&UNITTEST, &found).await;
    let outcomes = ran.outcomes(&found);
    let expected = [
        ("test_all.A.test_ok", Passed),
        ("test_all.A.test_bad", Failed),
        ("test_all.A.test_skip", Skipped),
        ("test_all.A.test_xfail", Passed),
        ("test_all.A.test_xpass", Failed),
        ("test_all.A.test_sub", Failed),
        ("test_all.B.test_in_broken_class", Failed),
        ("test_all.C.test_1", Passed),
        ("test_all.C.test_2", Failed),
        ("test_all.D.test_in_skipped_class", Skipped),
        ("unittest.loader._FailedTest.test_broken", Failed),
    ];
    for (name, outcome) in expected {
        assert_eq!(outcomes[name], outcome, "{name}");
    }
    assert_eq!(outcomes.len(), expected.len());
    assert_eq!(ran.result(&found, "test_all.A.test_bad").message, "AssertionError: 1 != 2");
    assert_eq!(ran.result(&found, "test_all.A.test_sub").message, "(i=1): AssertionError: 1 == 1");
    assert_eq!(ran.result(&found, "test_all.C.test_2").message, "in tearDownClass: RuntimeError: cannot clean");
    assert_eq!(ran.end.expect("it ran").processes, 1);
}

#[tokio::test]
async fn arguments_choose_and_the_same_id_twice_counts_twice() {
    let place = Place::new();
    place.write("test_all.py", ALL);
    let chosen =
        Runner::Unittest { args: names(&["test_all.A.test_ok", "test_all.C", "test_all.A.test_ok", "-f", "-b"]) };
    let (found, _) = place.discover(&chosen).await.expect("it lists");
    let twice = "test_all.A.test_ok [again 2]";
    assert_eq!(found, ["test_all.A.test_ok", "test_all.C.test_1", "test_all.C.test_2", twice]);
    let asked = names(&[twice]);
    let ran = place.run(&chosen, &asked).await;
    assert_eq!(ran.outcomes(&asked)[twice], Passed);
    assert!(text(&ran.result(&asked, twice).output).contains("printed by ok"));
}

#[tokio::test]
async fn a_crash_or_a_hang_costs_one_test() {
    let mut place = Place::new();
    place.context.test_timeout = Duration::from_secs(3);
    place.write("test_bad.py", BAD);
    let (found, _) = place.discover(&UNITTEST).await.expect("it lists");
    let ran = place.run(&UNITTEST, &found).await;
    let outcomes = ran.outcomes(&found);
    let of = |name: &str| outcomes[format!("test_bad.Bad.{name}").as_str()];
    assert_eq!(
        ["test_1_ok", "test_2_exit", "test_3_hang", "test_4_kill", "test_5_ok"].map(of),
        [Passed, Errored, Failed, Errored, Passed]
    );
    assert!(text(&ran.result(&found, "test_bad.Bad.test_3_hang").output).contains("in test_3_hang"));
}

#[tokio::test]
async fn what_cannot_be_listed_is_the_users() {
    let place = Place::new();
    let runner = Runner::Unittest { args: names(&["--no-such-option"]) };
    let failure = place.discover(&runner).await.expect_err("it has no such option");
    assert_eq!((failure.fault, failure.reason.code), (Fault::User, ReasonCode::DiscoveryFailed), "{failure}");
}

const ALL: &str = r#"
import unittest

class A(unittest.TestCase):
    def test_ok(self):
        print("printed by ok")
        self.assertFalse([name for name in __import__("os").environ if name.startswith("MUSTER_") and "PROCESS" not in name])
    def test_bad(self):
        self.assertEqual(1, 2)
    @unittest.skip("because")
    def test_skip(self):
        pass
    @unittest.expectedFailure
    def test_xfail(self):
        self.fail("x")
    @unittest.expectedFailure
    def test_xpass(self):
        pass
    def test_sub(self):
        for i in range(3):
            with self.subTest(i=i):
                self.assertNotEqual(i, 1)

class B(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise RuntimeError("no database")
    def test_in_broken_class(self):
        pass

class C(unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        raise RuntimeError("cannot clean")
    def test_1(self):
        pass
    def test_2(self):
        pass

class D(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest("not here")
    def test_in_skipped_class(self):
        pass
"#;

const BAD: &str = r#"
import os, time, unittest

class Bad(unittest.TestCase):
    def test_1_ok(self):
        pass
    def test_2_exit(self):
        os._exit(0)
    def test_3_hang(self):
        time.sleep(1000)
    def test_4_kill(self):
        os.kill(os.getpid(), 9)
    def test_5_ok(self):
        pass
"#;
