//! The default engine: sled 0.34.7, used so that nothing acknowledged is lost and space is given back.
//!
//! sled alone promises less than its words say: its flush does not sync the file, and it never shrinks. Here it only
//! ever holds a journal that is written once, in order, and thrown away as a whole.
//!
//! ```text
//! DIR/LOCK                       held by flock while a coordinator uses the directory; names its process
//! DIR/MANIFEST                   which generation counts, where it begins, which frames it must have; replaced by rename
//! DIR/TAIL                       the newest acknowledged frame, so that a lost tail is noticed
//! DIR/generation-0000000007/     one sled directory: the live rows at its beginning, then one frame or more a commit
//! ```
//!
//! - `frame`: one entry of the journal: numbered, chained by hash, checksummed, bound to an epoch.
//! - `body`: the writes inside the frames. `journal`: appends frames, makes them durable. `replay`: reads and judges them.
//! - `engine`: sled itself, with its errors and panics contained and the syncs that it leaves out.
//! - `generation`, `original`, `manifest`, `tail`, `lock`, `room`, `file`: one file or one rule each.
//! - `opened`: all of these together. `store`: the contract around it.

mod body;
mod engine;
mod file;
mod frame;
mod generation;
mod journal;
mod lock;
mod manifest;
mod opened;
mod original;
mod replay;
mod room;
mod store;
mod tail;

pub use store::{SledOptions, SledStore};
