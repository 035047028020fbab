//! Runners of other languages as they are installed, each on a small suite that has one test of every kind.
//!
//! They need what `cargo xtask test` installs: Debian's packages, and the folder that `MUSTER_TEST_NODE` names, with the
//! runners on Node in its `node_modules`.

use std::path::{Path, PathBuf};

use crate::place::{Place, names};
use muster_common::outcome::TryOutcome::{self, Errored, Failed, Passed, Skipped};
use muster_common::spec::Runner;

#[tokio::test]
async fn jest_names_chooses_and_reports_every_kind_of_test() {
    let place = node_place("jest");
    place.write("a.test.js", JEST);
    place.write("b.test.js", "throw new Error('cannot load')");
    let expected = [
        ("a.test.js › sums › adds", Passed),
        ("a.test.js › sums › fails › oddly", Failed),
        ("a.test.js › sums › adds [again 2]", Failed),
        ("a.test.js › sums › in › a broken hook", Failed),
        ("a.test.js › later", Skipped),
        ("a.test.js › some day", Skipped),
        ("a.test.js › each 1 2", Passed),
        ("a.test.js › after › the last", Failed),
        ("b.test.js", Failed),
    ];
    check(&place, &named("jest", &[]), &expected).await;
}

#[tokio::test]
async fn vitest_names_chooses_and_reports_every_kind_of_test() {
    let place = node_place("vitest");
    place.write("a.test.ts", VITEST);
    place.write("b.test.ts", "throw new Error('cannot load')");
    place.write("c.test.ts", VITEST_LATE);
    let expected = [
        ("a.test.ts > sums > adds", Passed),
        ("a.test.ts > sums > fails > oddly", Failed),
        ("a.test.ts > sums > adds [again 2]", Failed),
        ("a.test.ts > sums > in > a broken hook", Failed),
        ("a.test.ts > later", Skipped),
        ("a.test.ts > skips itself", Skipped),
        ("a.test.ts > each 1 2", Passed),
        ("a.test.ts > after > the last", Failed),
        ("b.test.ts", Failed),
        // Nothing but an error outside of every test, which counts against the last.
        ("c.test.ts > leaves an error behind", Failed),
    ];
    let runner = named("vitest", &[]);
    check(&place, &runner, &expected[..9]).await;
    check_alone(&place, &runner, expected[9]).await;
}

#[tokio::test]
async fn tests_that_their_file_calls_concurrent_run_one_at_a_time() {
    let import = "import { test } from 'vitest';\n";
    for (runner, file, head, separator) in [("jest", "a.test.js", "", " › "), ("vitest", "a.test.ts", import, " > ")]
    {
        let place = node_place(runner);
        place.write(file, &format!("{head}{CONCURRENT}"));
        let asked = ["one", "two"].map(|title| format!("{file}{separator}{title}"));
        let ran = place.run(&named(runner, &[]), &asked).await;
        for name in &asked {
            assert_eq!(ran.outcomes(&asked)[name.as_str()], Passed, "{:?}", ran.result(&asked, name));
        }
    }
}

#[tokio::test]
async fn mocha_names_chooses_and_reports_every_kind_of_test() {
    let place = node_place("mocha");
    place.write("test/a.js", MOCHA);
    let expected = [
        ("test/a.js > sums > adds", Passed),
        ("test/a.js > sums > fails", Failed),
        ("test/a.js > sums > adds [again 2]", Failed),
        ("test/a.js > in > a broken hook", Failed),
        ("test/a.js > later", Skipped),
        ("test/a.js > skips itself", Skipped),
        ("test/a.js > after > the last", Failed),
        ("test/a.js > each > before it fails", Passed),
        ("test/a.js > each > as it fails", Failed),
        ("test/a.js > each > never runs", Failed),
    ];
    check(&place, &named("mocha", &[]), &expected).await;
}

#[tokio::test]
async fn playwright_names_chooses_and_reports_every_kind_of_test() {
    let place = node_place("@playwright/test");
    place.write("a.spec.js", PLAYWRIGHT);
    let expected = [
        ("a.spec.js › sums (x|y) › adds", Passed),
        ("a.spec.js › sums (x|y) › fails", Failed),
        ("a.spec.js › later", Skipped),
        ("a.spec.js › is to fail", Passed),
    ];
    check(&place, &named("playwright", &[]), &expected).await;
}

#[tokio::test]
async fn a_runner_that_is_not_installed_is_named() {
    let place = Place::new();
    place.write("package.json", "{}");
    for runner in ["jest", "vitest", "mocha", "playwright"] {
        let failure = place.discover(&named(runner, &[])).await.expect_err("there is none");
        assert_eq!(failure.reason.code, muster_common::error_code::ReasonCode::RunnerMissing, "{runner}: {failure}");
    }
}

#[tokio::test]
async fn go_names_chooses_and_reports_every_kind_of_test() {
    let place = Place::new();
    place.write("go.mod", "module example.com/m\n");
    place.write("a/a_test.go", GO);
    place.write("a/testdata.txt", "here");
    place.write("b/b.go", "package b\n");
    let runner = named("go", &[]);
    place.build(&runner).await.expect("it builds");
    let expected = [
        ("example.com/m/a TestAdds", Passed),
        ("example.com/m/a TestFails", Failed),
        ("example.com/m/a TestTable", Failed),
        ("example.com/m/a TestLater", Skipped),
        ("example.com/m/a TestPanics", Failed),
        ("example.com/m/a TestLeaves", Errored),
        ("example.com/m/a TestParallel", Passed),
        ("example.com/m/a ExampleAdd", Passed),
        ("example.com/m/a FuzzAdd", Passed),
    ];
    check(&place, &runner, &expected).await;
    let failure = place.build(&named("go", &["-count=2"])).await.expect_err("it is Muster's");
    assert!(failure.to_string().contains("-count=2"), "{failure}");
}

#[tokio::test]
async fn rspec_names_chooses_and_reports_every_kind_of_test() {
    let place = Place::new();
    place.write("spec/a_spec.rb", RSPEC);
    let expected = [
        ("./spec/a_spec.rb > Sums adds", Passed),
        ("./spec/a_spec.rb > Sums fails", Failed),
        ("./spec/a_spec.rb > Sums adds [again 2]", Failed),
        ("./spec/a_spec.rb > Sums (line 5)", Passed),
        ("./spec/a_spec.rb > Sums later", Skipped),
        ("./spec/a_spec.rb > Sums in a broken hook", Failed),
    ];
    check(&place, &named("rspec", &[]), &expected).await;
}

#[tokio::test]
async fn minitest_names_chooses_and_reports_every_kind_of_test() {
    let place = Place::new();
    place.write("test/test_a.rb", MINITEST);
    let expected = [
        ("TestSums#test_adds", Passed),
        ("TestSums#test_fails", Failed),
        ("TestSums#test_raises", Failed),
        ("TestSums#test_later", Skipped),
        ("sums#test_0001_adds up", Passed),
    ];
    check(&place, &named("minitest", &[]), &expected).await;
}

#[tokio::test]
async fn phpunit_names_chooses_and_reports_every_kind_of_test() {
    let place = Place::new();
    place.write("tests/ATest.php", PHPUNIT);
    let expected = [
        ("X\\Y\\ATest::testOk", Passed),
        ("X\\Y\\ATest::testBad", Failed),
        ("X\\Y\\ATest::testRaises", Failed),
        ("X\\Y\\ATest::testLater", Skipped),
        ("X\\Y\\ATest::testAssertsNothing", Passed),
        ("X\\Y\\ATest::testData with data set \"one / x\"", Passed),
        ("X\\Y\\ATest::testData with data set #0", Failed),
        ("X\\Y\\ATest::testDepends", Passed),
    ];
    let runner = named("phpunit", &["tests"]);
    check(&place, &runner, &expected).await;
    // What it depends on was not asked for, and runs along.
    check_alone(&place, &runner, expected[7]).await;
}

#[tokio::test]
async fn ctest_and_googletest_name_choose_and_report_every_kind_of_test() {
    let place = Place::new();
    place.write("CMakeLists.txt", CMAKE);
    place.write("g.cc", GOOGLETEST);
    for arguments in [&["-B", "build"][..], &["--build", "build"]] {
        let made = std::process::Command::new("cmake").args(arguments).current_dir(&place.context.directory).output();
        let made = made.expect("cmake is installed: `cargo xtask test` does that");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let expected = [
        ("ok", Passed),
        ("bad", Failed),
        ("crash", Failed),
        ("skip", Skipped),
        ("off", Skipped),
        ("missing", Failed),
        ("to_fail", Passed),
        ("needs", Passed),
        ("makes", Passed),
    ];
    let ctest = named("ctest", &["--test-dir", "build"]);
    check(&place, &ctest, &expected).await;
    // What it needs runs along, and has no result here.
    check_alone(&place, &ctest, expected[7]).await;
    let expected = [
        ("A.Ok", Passed),
        ("A.Bad", Failed),
        ("A.Skip", Skipped),
        ("A.DISABLED_Off", Skipped),
        ("TT/0.X", Passed),
        ("TT/1.X", Passed),
        ("Z.Print", Passed),
        ("Z.Crash", Errored),
        ("I/P.Y/0", Passed),
        ("I/P.Y/1", Failed),
    ];
    check(&place, &named("googletest", &["build/g"]), &expected).await;
}

/// Lists, and finds these names; runs all, and then one, and finds these outcomes.
async fn check(place: &Place, runner: &Runner, expected: &[(&str, TryOutcome)]) {
    let (found, _) = place.discover(runner).await.expect("it lists");
    let mut listed: Vec<&str> = found.iter().map(String::as_str).collect();
    let mut known: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    listed.retain(|name| known.contains(name) || !name.starts_with("c.test.ts"));
    listed.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, known);
    let asked = names(&known);
    let ran = place.run(runner, &asked).await;
    let outcomes = ran.outcomes(&asked);
    for (name, outcome) in expected {
        assert_eq!(outcomes[*name], *outcome, "{name}: {:?}", ran.result(&asked, name));
    }
    check_alone(place, runner, expected[1]).await;
}

async fn check_alone(place: &Place, runner: &Runner, (name, outcome): (&str, TryOutcome)) {
    let asked = names(&[name]);
    let ran = place.run(runner, &asked).await;
    assert_eq!(ran.outcomes(&asked)[name], outcome, "{name} alone: {:?}", ran.result(&asked, name));
}

fn named(runner: &str, args: &[&str]) -> Runner {
    Runner::named(runner, names(args)).expect("a runner of that name")
}

/// A place that has the Node packages which the test command installed.
fn node_place(package: &str) -> Place {
    let folder = node_folder();
    let modules = folder.join("node_modules");
    assert!(
        modules.join(package).is_dir(),
        "`{}` has no {package}: `cargo xtask test` makes that folder, or MUSTER_TEST_NODE names another",
        modules.display()
    );
    let place = Place::new();
    place.write("package.json", r#"{"name": "suite", "type": "commonjs", "jest": {"testEnvironment": "node"}}"#);
    std::os::unix::fs::symlink(&modules, place.context.directory.join("node_modules")).expect("a link");
    place
}

fn node_folder() -> PathBuf {
    let made = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/xtask/node");
    std::env::var_os("MUSTER_TEST_NODE").map_or_else(made, PathBuf::from)
}

const JEST: &str = r#"
jest.retryTimes(2);
let tries = 0;
describe('sums', () => {
  test('adds', () => {});
  test('fails › oddly', () => { tries += 1; if (tries < 2) throw new Error('the first try'); });
  test('adds', () => { throw new Error('second'); });
  describe('in', () => { beforeAll(() => { throw new Error('hook'); }); test('a broken hook', () => {}); });
});
test.skip('later', () => {});
test.todo('some day');
test.each([[1, 2]])('each %i %i', (a, b) => { expect(a + 1).toBe(b); });
describe('after', () => { afterAll(() => { throw new Error('hook'); }); test('the last', () => {}); });
"#;
const VITEST: &str = r#"
import { test, expect, describe, beforeAll, afterAll } from 'vitest';
let tries = 0;
describe('sums', () => {
  test('adds', () => {});
  test('fails > oddly', { retry: 2 }, () => { tries += 1; if (tries < 2) throw new Error('the first try'); });
  test('adds', () => { throw new Error('second'); });
  describe('in', () => { beforeAll(() => { throw new Error('hook'); }); test('a broken hook', () => {}); });
});
test.skip('later', () => {});
test('skips itself', (context) => { context.skip(); });
test.each([[1, 2]])('each %i %i', (a, b) => { expect(a + 1).toBe(b); });
describe('after', () => { afterAll(() => { throw new Error('hook'); }); test('the last', () => {}); });
"#;
const VITEST_LATE: &str = r#"
import { test } from 'vitest';
test('leaves an error behind', () => {
  setTimeout(() => { throw new Error('late'); }, 1);
  return new Promise((done) => setTimeout(done, 50));
});
"#;
/// For both: each test fails if another runs.
const CONCURRENT: &str = r#"
let running = 0;
const alone = async () => {
  running += 1;
  await new Promise((done) => setTimeout(done, 50));
  const together = running;
  running -= 1;
  if (together > 1) throw new Error(`${together} run at one time`);
};
test.concurrent('one', alone);
test.concurrent('two', alone);
"#;
const MOCHA: &str = r#"
const assert = require('node:assert');
let tries = 0;
describe('sums', function () {
  this.retries(3);
  it('adds', () => {});
  it('fails', () => { tries += 1; assert.notEqual(tries, 1); });
  it('adds', () => { throw new Error('second'); });
});
describe('in', () => { before(() => { throw new Error('hook'); }); it('a broken hook', () => {}); });
it.skip('later', () => {});
it('skips itself', function () { this.skip(); });
describe('after', () => { after(() => { throw new Error('hook'); }); it('the last', () => {}); });
describe('each', () => {
  let count = 0;
  beforeEach(() => { count += 1; if (count > 1) throw new Error('hook'); });
  it('before it fails', () => {});
  it('as it fails', () => {});
  it('never runs', () => {});
});
"#;
const PLAYWRIGHT: &str = r#"
const { test, expect } = require('@playwright/test');
test.describe('sums (x|y)', () => {
  test('adds', { tag: '@fast' }, async () => {});
  test('fails', async () => { expect(1).toBe(2); });
});
test.skip('later', () => {});
test('is to fail', () => { test.fail(); expect(1).toBe(2); });
"#;
const GO: &str = r#"package a

import ("fmt"; "os"; "testing")

func TestAdds(t *testing.T) {
	if text, err := os.ReadFile("testdata.txt"); err != nil || string(text) != "here" { t.Fatal(err) }
	fmt.Print("no line end")
}
func TestFails(t *testing.T) { t.Error("no") }
func TestTable(t *testing.T) {
	t.Run("one", func(t *testing.T) {})
	t.Run("two", func(t *testing.T) { t.Error("no two") })
}
func TestLater(t *testing.T) { t.Skip("because") }
func TestPanics(t *testing.T) { panic("oh") }
func TestLeaves(t *testing.T) { os.Exit(1) }
func TestParallel(t *testing.T) { t.Parallel() }
func ExampleAdd() {
	fmt.Println(3)
	// Output: 3
}
func FuzzAdd(f *testing.F) { f.Add(1); f.Fuzz(func(t *testing.T, a int) {}) }
"#;
const RSPEC: &str = r#"RSpec.describe "Sums" do
  it("adds") {}
  it("fails") { expect(1).to eq 2 }
  it("adds") { raise "second" }
  it { expect(3).to eq 3 }
  xit("later") {}
  context "in" do
    before(:all) { raise "hook" }
    it("a broken hook") {}
  end
end
"#;
const MINITEST: &str = r#"require "minitest/autorun"
class TestSums < Minitest::Test
  def test_adds; assert true; end
  def test_fails; assert_equal 1, 2; end
  def test_raises; raise "x"; end
  def test_later; skip "because"; end
end
describe "sums" do
  it("adds up") { _(1).must_equal 1 }
end
"#;
const PHPUNIT: &str = r#"<?php
namespace X\Y;
use PHPUnit\Framework\TestCase;
class ATest extends TestCase {
    public function testOk(): void { $this->assertTrue(true); }
    public function testBad(): void { echo "printed"; $this->assertSame(1, 2, "it's|[odd]"); }
    public function testRaises(): void { throw new \RuntimeException("x"); }
    public function testLater(): void { $this->markTestSkipped("because"); }
    public function testAssertsNothing(): void {}
    /** @dataProvider data */
    public function testData(int $a, int $b): void { $this->assertSame($a, $b); }
    public static function data(): array { return ["one / x" => [1, 1], [2, 3]]; }
    /** @depends testOk */
    public function testDepends(): void { $this->assertTrue(true); }
}
"#;
const CMAKE: &str = r#"cmake_minimum_required(VERSION 3.20)
project(x CXX)
enable_testing()
find_package(GTest REQUIRED)
add_executable(g g.cc)
target_link_libraries(g GTest::gtest_main)
add_test(NAME ok COMMAND true)
add_test(NAME bad COMMAND sh -c "echo printed; exit 3")
add_test(NAME crash COMMAND sh -c "kill -11 $$")
add_test(NAME skip COMMAND sh -c "exit 77")
set_tests_properties(skip PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME off COMMAND true)
set_tests_properties(off PROPERTIES DISABLED TRUE)
add_test(NAME missing COMMAND /no/such)
add_test(NAME to_fail COMMAND false)
set_tests_properties(to_fail PROPERTIES WILL_FAIL TRUE)
add_test(NAME needs COMMAND true)
add_test(NAME makes COMMAND true)
set_tests_properties(makes PROPERTIES FIXTURES_SETUP F)
set_tests_properties(needs PROPERTIES FIXTURES_REQUIRED F)
"#;
const GOOGLETEST: &str = r#"#include <gtest/gtest.h>
#include <cstdlib>
TEST(A, Ok) {}
TEST(A, Bad) { EXPECT_EQ(1, 2) << "said"; }
TEST(A, Skip) { GTEST_SKIP() << "because"; }
TEST(A, DISABLED_Off) { FAIL(); }
template <class T> struct TT : testing::Test {};
typedef testing::Types<int, double> Types;
TYPED_TEST_SUITE(TT, Types);
TYPED_TEST(TT, X) {}
struct P : testing::TestWithParam<int> {};
TEST_P(P, Y) { ASSERT_LT(GetParam(), 2); }
INSTANTIATE_TEST_SUITE_P(I, P, testing::Values(1, 2));
TEST(Z, Print) { printf("no line end"); fflush(stdout); }
TEST(Z, Crash) { abort(); }
"#;
