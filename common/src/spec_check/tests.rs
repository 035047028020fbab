//! A good specification passes; each way to spoil it is named.

use super::check;
use crate::limits::RETRIES_MAX;
use crate::pipeline::{SingleTest, single_test};
use crate::requirement::Requirement;
use crate::spec::{ArtifactInput, RunSpec, Runner, StepSpec, StressSpec, TestGroup, TestScope, TestSpec, Work};

type Spoil = fn(&mut RunSpec);

#[test]
fn what_single_test_makes_is_good() {
    assert_eq!(check(&good()), Ok(()));
}

#[test]
fn every_way_to_spoil_a_specification_is_named() {
    let table: &[(Spoil, &str)] = &[
        (|run| run.jobs.clear(), "the run has no jobs; give it at least one"),
        (|run| run.project.clear(), "project is empty"),
        (|run| run.name = "x".repeat(300), "name has 300 bytes; 256 are allowed"),
        (|run| run.name = "a\u{1b}[31m".to_owned(), "name holds a control character"),
        (|run| run.jobs[1].name = "test / build".to_owned(), "job `test / build`: there are two jobs with the name"),
        (|run| run.jobs.swap(0, 1), "job `test`: needs `test / build`, which does not stand before it in the run"),
        (
            |run| run.jobs[1].needs.clear(),
            "job `test`: takes over an artifact of `test / build`, which it does not need",
        ),
        (|run| run.jobs[1].inputs.clear(), "job `test`: its runner needs a build"),
        (
            |run| run.jobs[1].inputs[0].artifact = "other".to_owned(),
            "job `test`: takes over the artifact `other`, which `test / build` does not hand over",
        ),
        (|run| run.jobs[0].condition = Some("1 ==".to_owned()), "job `test / build`: its condition: expected a value"),
        (|run| run.jobs[0].timeout_ms = 0, "job `test / build`: its time limit is 0; allowed is 1 to 604800000"),
        (
            |run| run.jobs[0].requirements = vec![Requirement(" ".to_owned())],
            "job `test / build`: a requirement is empty",
        ),
        (|run| test(run).retries = RETRIES_MAX + 1, "job `test`: its number of retries is 11; allowed is 0 to 10"),
        (|run| test(run).parallel = Some(0), "job `test`: its most shards is 0; allowed is 1 to 10000"),
        (
            |run| test(run).working_directory = Some("../x".to_owned()),
            "job `test`: the path `../x` leaves the workspace",
        ),
        (
            |run| test(run).setup[0].run = "echo ${{ env.X".to_owned(),
            "job `test`: the script of step `venv`: this `${{`",
        ),
        (|run| test(run).setup[0].run.clear(), "job `test`: a step's script is empty"),
        (|run| run.jobs[1].is_repeatable = false, "job `test`: a test job cannot have `is_repeatable: false`"),
        (|run| drop(run.env.insert("A=B".to_owned(), String::new())), "the variable `A=B` has a `=` in its name"),
        (|run| drop(run.env.insert("A".to_owned(), "\0".to_owned())), "the variable `A` holds a zero byte"),
        (|run| drop(run.env.insert("A".to_owned(), "x".repeat(1 << 20))), "the variable `A` has 1048577 bytes"),
        (|run| run.jobs[0].work = Work::Steps(Vec::new()), "job `test / build`: its steps is empty"),
        (
            |run| drop(run.only.insert("test / build".to_owned(), vec!["a".to_owned()])),
            "tests are selected of `test / build`, which is no test job",
        ),
        (
            |run| drop(run.only.insert("test".to_owned(), vec!["a".to_owned(); 2])),
            "job `test`: there are two selected tests with the name `a`",
        ),
        (|run| stress(run).times = 1, "how often new tests are run is 1; allowed is 2 to 100"),
        (|run| stress(run).changed = vec!["a".to_owned(); 10_001], "10001 changed names; 10000 are allowed"),
        (|run| stress(run).changed = vec![String::new()], "a changed name is empty"),
        (|run| drop(run.only.insert("test".to_owned(), vec![])), "job `test`: its selection of tests is empty"),
        (|run| run.jobs = vec![run.jobs[0].clone(); 5_000], "5000 jobs; 4096 are allowed"),
        (
            |run| {
                let work = test(run);
                work.runner = Runner::Generic {
                    list: "ls".to_owned(),
                    run: "x".to_owned(),
                    results: Vec::new(),
                    format: crate::spec::ResultFormat::Junit,
                };
            },
            "job `test`: the runner's `results` is empty",
        ),
        (
            |run| {
                let input = ArtifactInput { path: Some("/etc".to_owned()), ..run.jobs[1].inputs[0].clone() };
                run.jobs[1].inputs.push(input);
            },
            "job `test`: the path `/etc` is absolute",
        ),
    ];
    check_table(table);
}

#[test]
fn every_way_to_spoil_scopes_and_groups_is_named() {
    check_table(&[
        (
            |run| test(run).runner = Runner::Ctest { args: Vec::new() },
            "job `test`: the names of ctest do not tell the class of a test",
        ),
        (
            |run| test(run).runner = Runner::Maven { args: Vec::new() },
            "job `test`: maven may run the tests of one batch at one time",
        ),
        (|run| test(run).groups.push(group("db", "x")), "job `test`: there are two groups with the name `db`"),
        (|run| test(run).groups[0].limit = 0, "job `test`: the limit of a group of tests is 0; allowed is 1 to 10000"),
        (|run| test(run).groups[0].patterns.clear(), "job `test`: the `match` of the group `db` is empty"),
        (
            |run| test(run).groups[0].patterns[0] = "x".repeat(2_000),
            "job `test`: a pattern of a group of tests has 2000 bytes; 1024 are allowed",
        ),
        (
            |run| test(run).groups[0].patterns = vec!["x".to_owned(); 300],
            "job `test`: 300 patterns of its groups of tests; 256 are allowed",
        ),
        (
            |run| test(run).groups = (0..70).map(|number| group(&number.to_string(), "x")).collect(),
            "job `test`: 70 groups of tests; 64 are allowed",
        ),
    ]);
}

fn check_table(table: &[(Spoil, &str)]) {
    for (spoil, expected) in table {
        let mut run = good();
        spoil(&mut run);
        let errors = check(&run).expect_err(expected);
        let first = errors[0].to_string();
        assert!(errors.iter().any(|error| error.to_string().starts_with(expected)), "{expected}: {first}");
    }
}

fn stress(run: &mut RunSpec) -> &mut StressSpec {
    run.stress.get_or_insert(StressSpec { times: 2, changed: Vec::new() })
}

fn good() -> RunSpec {
    single_test(SingleTest {
        project: "p".to_owned(),
        name: "n".to_owned(),
        test: TestSpec {
            runner: Runner::CargoNextest { args: vec!["--all-features".to_owned()] },
            working_directory: None,
            setup: vec![StepSpec::new("venv", "make venv")],
            retries: 2,
            parallel: None,
            test_timeout_ms: 1_000,
            scope: TestScope::Class,
            groups: vec![group("db", "*::db::*")],
            caches_discovery: true,
        },
        env: [("A".to_owned(), "${{ not an expression".to_owned())].into(),
        requirements: vec![Requirement("linux".to_owned())],
    })
}

fn group(name: &str, pattern: &str) -> TestGroup {
    TestGroup { name: name.to_owned(), patterns: vec![pattern.to_owned()], limit: 1 }
}

fn test(run: &mut RunSpec) -> &mut TestSpec {
    match &mut run.jobs[1].work {
        Work::Tests(test) => test,
        Work::Steps(_) | Work::TestBuild(_) => panic!("the second job of a single test runs the tests"),
    }
}
