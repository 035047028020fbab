//! What a system call does to the recorded files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::libc;

use crate::event::{Event, Log, Name, NodeId, NodeKind};
use crate::memory::Process;
use crate::table::{Kind, kind};
use crate::tree::Tree;

/// The files beneath the recorded directory, and who has them open.
#[derive(Debug)]
pub(crate) struct Files {
    root: PathBuf,
    log: Log,
    tree: Tree,
    nodes: u32,
    syncs: u32,
    /// Of the process that runs now.
    descriptors: HashMap<u64, NodeId>,
}

/// A system call that has begun.
#[derive(Debug)]
pub(crate) struct Call {
    kind: Kind,
    arguments: [u64; 6],
    paths: [PathBuf; 2],
    sync: Option<u32>,
}

impl Files {
    /// An empty directory. `root` has no symbolic link in it.
    pub(crate) fn new(root: PathBuf, log: Log) -> Self {
        Self { root, log, tree: Tree::new(), nodes: 0, syncs: 0, descriptors: HashMap::new() }
    }

    /// Records that something was made in the directory.
    pub(crate) fn create(&mut self, name: Name, kind: NodeKind) -> NodeId {
        self.nodes += 1;
        let node = NodeId(self.nodes);
        self.record(Event::Create { name, node, kind });
        node
    }

    /// The process has ended, its descriptors are closed.
    pub(crate) fn end(&mut self) {
        self.descriptors.clear();
        self.log.push(Event::Ended);
    }

    /// Looks at a system call before it is carried out. None if it changes nothing here.
    pub(crate) fn begin(&mut self, process: &Process, number: u64, arguments: [u64; 6]) -> Result<Option<Call>> {
        let Some((kind, arguments)) = kind(number, arguments) else { return Ok(None) };
        let [first, second, third, fourth, fifth, _] = arguments;
        let is_open = |descriptor: u64| self.descriptors.contains_key(&descriptor);
        let mut call = Call { kind, arguments, paths: [PathBuf::new(), PathBuf::new()], sync: None };
        let is_ours = match kind {
            Kind::Open | Kind::OpenHow => true,
            Kind::Close => {
                // Once it is carried out, another thread may get the same number.
                self.descriptors.remove(&first);
                false
            }
            Kind::CloseRange => {
                self.descriptors.retain(|descriptor, _| !(first..=second).contains(descriptor));
                false
            }
            Kind::Write if first == STDOUT => {
                let text = process.bytes(second, third)?;
                String::from_utf8_lossy(&text).lines().for_each(|line| self.log.note(line));
                false
            }
            Kind::Duplicate
            | Kind::Control
            | Kind::Write
            | Kind::WriteAt
            | Kind::WriteGathered
            | Kind::WriteGatheredAt
            | Kind::SendFile
            | Kind::Resize
            | Kind::Allocate
            | Kind::Sync => is_open(first),
            Kind::CopyRange => is_open(third),
            Kind::Rename | Kind::Remove | Kind::MakeDirectory => {
                call.paths[0] = self.absolute(process, first, second)?;
                if kind == Kind::Rename {
                    call.paths[1] = self.absolute(process, third, fourth)?;
                }
                call.paths.iter().any(|path| path.starts_with(&self.root))
            }
            Kind::Map => {
                let is_shared = fourth & libc::MAP_SHARED as u64 != 0 && third & libc::PROT_WRITE as u64 != 0;
                if is_shared && is_open(fifth) {
                    bail!("a file is mapped to be written, which cannot be followed");
                }
                false
            }
            Kind::Unknown(name) => bail!("`{name}` is called, which is not followed; teach the recorder what it does"),
        };
        if is_ours && kind == Kind::Sync {
            self.syncs += 1;
            call.sync = Some(self.syncs);
            self.log.push(Event::SyncBegun { node: self.node(first)?, sync: self.syncs });
        }
        Ok(is_ours.then_some(call))
    }

    /// Records what a system call has done.
    pub(crate) fn finish(&mut self, process: &Process, call: &Call, result: i64) -> Result<()> {
        let Ok(result) = u64::try_from(result) else { return Ok(()) };
        let [first, second, third, fourth, fifth, _] = call.arguments;
        match call.kind {
            Kind::Open => self.opened(process, result, third)?,
            Kind::OpenHow => {
                let flags = process.bytes(third, 8)?;
                self.opened(process, result, u64::from_ne_bytes(flags.as_slice().try_into()?))?;
            }
            Kind::Duplicate => drop(self.descriptors.insert(result, self.node(first)?)),
            Kind::Control => {
                if [libc::F_DUPFD, libc::F_DUPFD_CLOEXEC].map(|command| command as u64).contains(&second) {
                    self.descriptors.insert(result, self.node(first)?);
                }
            }
            Kind::Write => {
                let offset = process.position(first)? - result;
                self.written(first, offset, process.bytes(second, result)?)?;
            }
            Kind::WriteAt => self.written(first, fourth, process.bytes(second, result)?)?,
            Kind::WriteGathered => {
                let offset = process.position(first)? - result;
                self.written(first, offset, process.gathered(second, third, result)?)?;
            }
            Kind::WriteGatheredAt => self.written(first, fourth, process.gathered(second, third, result)?)?,
            Kind::SendFile => self.copied(process, first, result)?,
            Kind::CopyRange => {
                if fourth != 0 {
                    bail!("`copy_file_range` is called with an offset, which is not followed");
                }
                self.copied(process, third, result)?;
            }
            Kind::Resize => self.record(Event::Resize { node: self.node(first)?, bytes: second }),
            Kind::Allocate => self.allocated(process, first, second, third + fourth)?,
            Kind::Rename => {
                if fifth & u64::from(libc::RENAME_EXCHANGE) != 0 {
                    bail!("two files are exchanged, which is not followed");
                }
                let (from, to) = (self.name(&call.paths[0])?, self.name(&call.paths[1])?);
                self.record(Event::Rename { from, to });
            }
            Kind::Remove => self.record(Event::Remove { name: self.name(&call.paths[0])? }),
            Kind::MakeDirectory => drop(self.create(self.name(&call.paths[0])?, NodeKind::Directory)),
            Kind::Sync => {
                let sync = call.sync.context("a sync ended that has not begun")?;
                self.record(Event::SyncEnded { sync });
            }
            Kind::Close | Kind::CloseRange | Kind::Map | Kind::Unknown(_) => {}
        }
        Ok(())
    }

    fn opened(&mut self, process: &Process, descriptor: u64, flags: u64) -> Result<()> {
        self.descriptors.remove(&descriptor);
        let path = process.opened(descriptor)?;
        let Ok(relative) = path.strip_prefix(&self.root) else { return Ok(()) };
        let node = match self.tree.resolve(relative) {
            Some(node) => {
                if flags & libc::O_TRUNC as u64 != 0 {
                    self.record(Event::Resize { node, bytes: 0 });
                }
                node
            }
            None => self.create(self.name(&path)?, NodeKind::File),
        };
        self.descriptors.insert(descriptor, node);
        Ok(())
    }

    fn written(&mut self, descriptor: u64, offset: u64, data: Vec<u8>) -> Result<()> {
        self.record(Event::Write { node: self.node(descriptor)?, offset, data });
        Ok(())
    }

    fn copied(&mut self, process: &Process, descriptor: u64, length: u64) -> Result<()> {
        let offset = process.position(descriptor)? - length;
        self.written(descriptor, offset, process.content(descriptor, offset, length)?)
    }

    fn allocated(&mut self, process: &Process, descriptor: u64, mode: u64, end: u64) -> Result<()> {
        if mode != 0 {
            bail!("`fallocate` is called with mode {mode}, which is not followed");
        }
        let length = std::fs::metadata(process.opened(descriptor)?)?.len();
        if length == end {
            self.record(Event::Resize { node: self.node(descriptor)?, bytes: end });
        }
        Ok(())
    }

    fn record(&mut self, event: Event) {
        self.tree.apply(&event);
        self.log.push(event);
    }

    fn node(&self, descriptor: u64) -> Result<NodeId> {
        self.descriptors.get(&descriptor).copied().context("a file was closed while it was being used")
    }

    /// The entry that a path means; both must be beneath the root.
    fn name(&self, path: &Path) -> Result<Name> {
        let lost = || format!("{} is not beneath the recorded directory, or is not known", path.display());
        let relative = path.strip_prefix(&self.root).with_context(lost)?;
        let name = relative.file_name().and_then(|name| name.to_str()).with_context(lost)?;
        let directory = self.tree.resolve(relative.parent().with_context(lost)?).with_context(lost)?;
        Ok(Name { directory, name: name.to_owned() })
    }

    fn absolute(&self, process: &Process, directory: u64, path: u64) -> Result<PathBuf> {
        let path = process.path(directory, path)?;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(path) };
        Ok(parent.canonicalize().map_or_else(|_| path.clone(), |parent| parent.join(name)))
    }
}

const STDOUT: u64 = 1;
