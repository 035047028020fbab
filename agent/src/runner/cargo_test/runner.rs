//! The adapter of `cargo test`.

use std::collections::HashSet;
use std::path::PathBuf;

use muster_common::control::DealtTest;
use muster_common::error_code::ReasonCode;
use muster_common::outcome::TryOutcome;
use tokio::sync::mpsc;

use super::arguments::Arguments;
use super::build;
use super::output::{Harness, listed_names};
use super::targets::{Binary, Doc, Targets};
use crate::attempt::exit::Exit;
use crate::attempt::process::{Chunk, Command, Stream, Streams};
use crate::runner::batch::{self, Launcher};
use crate::runner::cargo_build::{CARGO_HINT, build_place, words};
use crate::runner::collect::collect;
use crate::runner::context::RunnerContext;
use crate::runner::event::{BatchEnd, BatchEvent};
use crate::runner::excerpt::Clip;
use crate::runner::failure::RunnerFailure;
use crate::runner::kept::key::{Draft, Key};
use crate::runner::kept::relisting::{Empty, Relisting};
use crate::runner::listing::Listing;
use crate::runner::progress::{Progress, Verdict};
use crate::runner::selection::how_many_fit;
use crate::runner::session::{Feed, Launch, Process, Said};

/// `cargo test` with the arguments of a job.
#[derive(Debug)]
pub struct CargoTest {
    arguments: Arguments,
}

impl CargoTest {
    pub(crate) fn new(given: &[String]) -> Self {
        Self { arguments: Arguments::sort(given) }
    }

    pub(crate) async fn build(&self, context: &RunnerContext) -> Result<(), RunnerFailure> {
        build::build(context, &self.arguments).await
    }

    pub(crate) async fn list(&self, context: &RunnerContext, listing: &mut Listing) -> Result<(), RunnerFailure> {
        let processes = Processes::new(context, &self.arguments)?;
        let mut relisting = Relisting::new(context, Empty::Kept);
        for binary in &processes.targets.binaries {
            let key = processes.key(context, binary);
            for name in relisting.names(key, processes.list(context, binary)).await? {
                listing.push(format!("{} {name}", binary.id)).await?;
            }
        }
        relisting.note("test executables").await;
        for doc in &processes.targets.docs {
            for name in &doc.tests {
                listing.push(format!("{} {name}", doc.id)).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn run(
        &self,
        context: &RunnerContext,
        tests: &[DealtTest],
        events: mpsc::Sender<BatchEvent>,
    ) -> Result<BatchEnd, RunnerFailure> {
        batch::run(context, tests, events, &mut Processes::new(context, &self.arguments)?).await
    }
}

struct Processes<'a> {
    arguments: &'a Arguments,
    targets: Targets,
    root: PathBuf,
    /// Whether the process that runs is one test by its exit status.
    is_whole: bool,
}

impl<'a> Processes<'a> {
    fn new(context: &RunnerContext, arguments: &'a Arguments) -> Result<Self, RunnerFailure> {
        let root = build_place(&context.build_dir)?.root(context)?;
        Ok(Self { arguments, targets: Targets::read(&context.build_dir)?, root, is_whole: false })
    }

    /// What the list of an executable is kept under. The standard harness lists what was compiled into it; one of the
    /// project's own may look anywhere, so it has none.
    fn key(&self, context: &RunnerContext, binary: &Binary) -> Option<Key> {
        let digest = context.lists.built(&binary.file).filter(|_| !binary.has_own_harness)?;
        let mut draft = Draft::within("cargo-test", context);
        draft.add("executable", digest.to_string());
        for word in &self.arguments.harness {
            draft.add("argument", word);
        }
        for (name, value) in &binary.environment {
            draft.add(&format!("variable of cargo {name}"), value);
        }
        Some(draft.key())
    }

    /// Names of the tests of one executable.
    async fn list(&self, context: &RunnerContext, binary: &Binary) -> Result<Vec<String>, RunnerFailure> {
        let mut arguments = words(["--list", "--format", "terse"]);
        arguments.extend(self.arguments.harness.iter().cloned());
        let listed = collect(context, self.command(context, binary, arguments), CARGO_HINT).await?;
        let found = listed_names(&listed.stdout);
        if binary.has_own_harness && (!listed.exit.is_success() || !found.is_clean || found.names.is_empty()) {
            return Ok(vec![WHOLE.to_owned()]);
        }
        if !listed.exit.is_success() {
            let message = format!("`{}` cannot list its tests: it {}{}", binary.id, listed.exit, listed.tail.quoted());
            return Err(RunnerFailure::user(ReasonCode::DiscoveryFailed, message));
        }
        Ok(found.names)
    }

    fn command(&self, context: &RunnerContext, binary: &Binary, arguments: Vec<String>) -> Command {
        let program = context.build_dir.join(&binary.file).into_os_string();
        let argv = std::iter::once(program).chain(arguments.into_iter().map(Into::into));
        let mut command = context.command(argv);
        command.directory = self.root.join(&binary.package_dir);
        command.environment = self.targets.environment(context, binary, &self.root);
        command.streams = Streams::Separate;
        command
    }

    fn launch_binary(&self, context: &RunnerContext, binary: &Binary, names: &[String]) -> (Command, Box<dyn Feed>) {
        if names == [WHOLE] {
            let command = self.command(context, binary, Vec::new());
            return (command, Box::new(Whole { name: format!("{} {WHOLE}", binary.id), output: Clip::default() }));
        }
        let mut arguments = words(["--exact", "--test-threads", "1", "--color", "never"]);
        arguments.extend(self.arguments.harness_switches());
        arguments.extend(names.iter().cloned());
        let feed = Harness::new(&binary.id, names.iter().cloned().collect(), HashSet::new());
        (self.command(context, binary, arguments), Box::new(feed))
    }

    /// Rustdoc takes its test arguments apart at spaces, and every doc test's name has spaces; so the last word of each
    /// name, such as `12)`, is the filter, and what it matches beside the test is left out of the results.
    fn launch_doc(&self, context: &RunnerContext, doc: &Doc, names: &[String]) -> (Command, Box<dyn Feed>) {
        let mut argv = doc.command();
        argv.extend(words(["--test-threads", "1", "--color", "never"]));
        argv.extend(self.arguments.harness_switches());
        let filters: HashSet<_> = names.iter().filter_map(|name| name.split(' ').next_back()).collect();
        argv.extend(filters.into_iter().map(str::to_owned));
        let mut command = context.command(argv);
        command.streams = Streams::Separate;
        let also = doc.tests.iter().cloned().collect();
        (command, Box::new(Harness::new(&doc.id, names.iter().cloned().collect(), also)))
    }
}

impl Launcher for Processes<'_> {
    async fn launch(
        &mut self,
        context: &RunnerContext,
        progress: &Progress<'_>,
        pending: &[usize],
    ) -> Result<Launch, RunnerFailure> {
        let first = pending.first().copied().unwrap_or_default();
        let name = progress.test(first).name.as_str();
        let target = name.split(' ').next().unwrap_or(name);
        let local = |position: &usize| {
            progress
                .test(*position)
                .name
                .strip_prefix(target)?
                .strip_prefix(' ')
                .map(|name| (*position, name.to_owned()))
        };
        let mut chosen: Vec<(usize, String)> = pending.iter().filter_map(local).collect();
        chosen.truncate(how_many_fit(chosen.iter().map(|(_, name)| name.len())));
        if chosen.iter().any(|(_, name)| name == WHOLE) {
            chosen.retain(|(_, name)| name == WHOLE);
        }
        let (positions, names): (Vec<_>, Vec<_>) = chosen.into_iter().unzip();
        self.is_whole = names == [WHOLE];
        let binary = self.targets.binaries.iter().find(|binary| binary.id == target);
        let doc = self.targets.docs.iter().find(|doc| doc.id == target);
        let (command, feed) = match (binary, doc) {
            (Some(binary), _) => self.launch_binary(context, binary, &names),
            (None, Some(doc)) => self.launch_doc(context, doc, &names),
            (None, None) => {
                let message = format!("the build has no target `{target}`, to which the test `{name}` belongs");
                return Err(RunnerFailure::infrastructure(ReasonCode::TestNotRun, message));
            }
        };
        Ok(Launch { process: Process::New(command), feed, channel: None, positions, hint: CARGO_HINT })
    }

    fn is_regular(&self, exit: Exit) -> bool {
        match exit {
            Exit::Status(status) => self.is_whole || matches!(status, 0 | 101),
            Exit::Signal(_) => self.is_whole,
            Exit::TimedOut(_) | Exit::Cancelled => false,
        }
    }
}

/// A target that is one test by its exit status.
struct Whole {
    name: String,
    output: Clip,
}

impl Feed for Whole {
    fn is_for_log(&self, _stream: Stream) -> bool {
        true
    }

    fn begin(&mut self) -> Vec<Said> {
        vec![Said::Started(self.name.clone())]
    }

    fn output(&mut self, chunk: &Chunk) -> Vec<Said> {
        self.output.push(&chunk.bytes);
        Vec::new()
    }

    fn end(&mut self, exit: Exit) -> Vec<Said> {
        let output = std::mem::take(&mut self.output).into_bytes();
        let verdict = match exit {
            Exit::Status(0) => Verdict { output, ..Verdict::bare(TryOutcome::Passed) },
            Exit::Status(_) | Exit::Signal(_) => {
                Verdict { output, message: format!("the test program {exit}"), ..Verdict::bare(TryOutcome::Failed) }
            }
            Exit::TimedOut(_) | Exit::Cancelled => return Vec::new(),
        };
        vec![Said::Finished(self.name.clone(), verdict)]
    }
}

/// Name of the one test of a target without the standard harness.
const WHOLE: &str = "(whole)";
