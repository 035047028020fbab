//! The default engine: sled 0.34.7, used so that nothing acknowledged is lost and space is given back.
//!
//! sled alone promises less than its words say: its flush does not sync the file, and it never shrinks. Here it only
//! ever holds a journal that is written once, in order, and thrown away as a whole.
//!
//! ```text
//! DIR/LOCK                    held by flock while a coordinator uses the directory; names its process
//! DIR/MANIFEST                which base and which journals count, and what they must hold; replaced by rename
//! DIR/TAIL                    the newest acknowledged frame, so that a lost tail is noticed
//! DIR/base-0000000007         the live rows with which generation 7 begins: a plain file, written once
//! DIR/journal-0000000007/     one sled directory: one frame or more a commit
//! DIR/BALLAST                 takes up room that a full disk gives back when the store must be opened
//! ```
//!
//! When the journal has grown to a share of the live rows, the next generation is begun while commits go on: a next
//! journal takes the commits, the rows go block by block into a next base, the manifest names both, the old ones go.
//!
//! - `frame`: one entry of the journal: numbered, chained by hash, checksummed, bound to an epoch.
//! - `body`: the writes inside the frames. `journal`: appends frames, makes them durable. `base`: rows in a file.
//! - `engine`: sled itself, with its errors and panics contained and the syncs that it leaves out.
//! - `replay`: reads and judges the journals. `recovery`: opens what the manifest names. `original`: what was found.
//! - `inspection`: reads a store without changing it.
//! - `succession`: the way to the next generation. `opened`: all of these together. `store`: the contract around it.
//! - `layout`, `manifest`, `tail`, `lock`, `room`, `ballast`, `file`: one file or one rule each.

mod ballast;
mod base;
mod body;
mod engine;
mod file;
mod frame;
mod inspection;
mod journal;
mod layout;
mod lock;
mod manifest;
mod opened;
mod original;
mod recovery;
mod replay;
mod room;
mod store;
mod succession;
mod tail;

pub use inspection::{Inspection, inspect};
pub use store::{SledOptions, SledStore};
