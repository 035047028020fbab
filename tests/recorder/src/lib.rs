//! Power cuts without cutting power.
//!
//! A [`Recorder`] runs a process and writes down everything that it does to the files beneath one directory, in order,
//! with every sync. A [`Disk`] goes along such a [`Recording`] and knows at every place in it what a disk that honours
//! syncs must hold, and what it may hold besides: an [`Image`] is one such content, drawn at random. Whatever Muster has
//! acknowledged must be found in every image.
//!
//! The recorder sees system calls by ptrace, not calls of a library: there is no way around it, whatever a dependency
//! does. An operation that it cannot follow (shared writable mappings, io_uring, hard links) is an error, not a gap; and
//! when it ends it compares the directory with what the recording says, byte for byte.

mod call;
mod disk;
mod event;
mod image;
mod memory;
mod pages;
mod recorder;
mod table;
mod tracer;
mod tree;

pub use disk::{Disk, Neglect};
pub use event::{Event, Log, Name, NodeId, NodeKind, Recording};
pub use image::{Image, Mix};
pub use recorder::Recorder;
pub use tracer::{Ended, Until};
