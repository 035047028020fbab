//! Steps that run a test suite.

use super::fields::{Missing, Reader};
use super::keys;
use crate::limits::{RETRIES_MAX, SHARDS_PER_JOB_MAX};
use crate::pipeline::file::{Arguments, Prepare, TestGroup, TestOptions, TestStep};
use crate::pipeline::node::{Entry, Node, NodeKind};

impl Reader {
    pub(super) fn test_step(&mut self, node: &Node) -> Option<TestStep> {
        let mut fields = self.fields(node, &keys::TEST_STEP)?;
        let name = self.optional_text(fields.take("name"));
        let test = self.test(fields.take("test")?)?;
        Some(TestStep { name, test })
    }

    fn test(&mut self, entry: &Entry) -> Option<TestOptions> {
        match &entry.value.kind {
            NodeKind::Map(_) => self.test_options(&entry.value),
            NodeKind::Scalar(_) if !entry.value.is_null() => {
                let runner = self.optional_text(Some(entry))?;
                Some(TestOptions {
                    place: entry.key.span,
                    runner,
                    args: None,
                    retries: None,
                    parallel: None,
                    timeout_minutes: None,
                    working_directory: None,
                    list: None,
                    run: None,
                    results: None,
                    format: None,
                    prepare: None,
                    scope: None,
                    groups: Vec::new(),
                    cache_discovery: None,
                })
            }
            NodeKind::Scalar(_) | NodeKind::List(_) => {
                let mut node = entry.value.clone();
                node.span = entry.key.span;
                self.wrong_type(&node, "`test`", "a runner's name, or a mapping with `runner`");
                None
            }
        }
    }

    fn test_options(&mut self, node: &Node) -> Option<TestOptions> {
        let mut fields = self.fields(node, &keys::TEST)?;
        let missing = Missing { what: "`test`", span: node.span };
        let runner = self.needed_text(fields.take("runner"), "runner", &missing);
        let args = fields.take("args").and_then(|entry| self.arguments(entry));
        let retries = self.count(fields.take("retries"), 0, RETRIES_MAX);
        let parallel = self.count(fields.take("parallel"), 1, SHARDS_PER_JOB_MAX);
        let timeout_minutes = self.optional_text(fields.take("timeout-minutes"));
        let working_directory = self.optional_text(fields.take("working-directory"));
        let list = self.optional_text(fields.take("list"));
        let run = self.optional_text(fields.take("run"));
        let results = fields.take("results").map(|entry| self.text_list(Some(entry)));
        let format = self.optional_text(fields.take("format"));
        let prepare = fields.take("prepare").and_then(|entry| self.prepare(entry));
        let scope = self.optional_text(fields.take("scope"));
        let cache_discovery = self.flag(fields.take("cache-discovery"));
        let groups = fields.take("groups").map_or_else(Vec::new, |entry| self.groups(entry));
        Some(TestOptions {
            place: node.span,
            runner: runner?,
            args,
            retries,
            parallel,
            timeout_minutes,
            working_directory,
            list,
            run,
            results,
            format,
            prepare,
            scope,
            groups,
            cache_discovery,
        })
    }

    fn arguments(&mut self, entry: &Entry) -> Option<Arguments> {
        match &entry.value.kind {
            NodeKind::List(_) => Some(Arguments::List(self.text_list(Some(entry)))),
            NodeKind::Scalar(_) | NodeKind::Map(_) => self.optional_text(Some(entry)).map(Arguments::Line),
        }
    }

    fn groups(&mut self, entry: &Entry) -> Vec<TestGroup> {
        let NodeKind::List(items) = &entry.value.kind else {
            let mut node = entry.value.clone();
            node.span = entry.key.span;
            self.wrong_type(&node, "`groups`", "a list of groups, each with `name` and `match`");
            return Vec::new();
        };
        items.iter().filter_map(|item| self.group(item)).collect()
    }

    fn group(&mut self, node: &Node) -> Option<TestGroup> {
        let mut fields = self.fields(node, &keys::TEST_GROUP)?;
        let missing = Missing { what: "a group of tests", span: node.span };
        let name = self.needed_text(fields.take("name"), "name", &missing);
        let patterns = self.needed_list(fields.take("match"), "match", &missing);
        let limit = self.count(fields.take("limit"), 1, SHARDS_PER_JOB_MAX);
        Some(TestGroup { name: name?, r#match: patterns, limit })
    }

    fn prepare(&mut self, entry: &Entry) -> Option<Prepare> {
        let mut fields = self.fields(&entry.value, &keys::PREPARE)?;
        let missing = Missing { what: "`prepare`", span: entry.key.span };
        let run = self.needed_text(fields.take("run"), "run", &missing);
        let paths = self.needed_list(fields.take("paths"), "paths", &missing);
        Some(Prepare { run: run?, paths })
    }
}
