//! Bounds on the processes of an attempt.

use std::time::Duration;

/// Bytes read from a process at one time; the size of the largest [`super::process::Chunk`].
pub const CHUNK_BYTES_MAX: usize = 32 << 10;
/// Chunks that wait for their reader before the process itself is made to wait.
pub const CHUNKS_WAITING_MAX: usize = 16;
/// Time between asking a process to stop (SIGTERM) and ending it (SIGKILL), where the caller names none.
pub const GRACE_DEFAULT: Duration = Duration::from_secs(5);
/// How long a pipe may stay silent after its process has ended and everything known of it is gone, before it is
/// closed: somebody unknown still holds its other end.
pub const DRAIN_SILENCE_MAX: Duration = Duration::from_millis(500);
/// How long the system may take to end a process that was sent SIGKILL before it is given up as a survivor.
pub const KILL_WAIT_MAX: Duration = Duration::from_secs(10);
/// Looks at the process table before leftovers that cannot be ended are reported instead.
pub const SWEEP_ROUNDS_MAX: u32 = 40;
/// Bytes of a process's environment that are searched for its mark.
pub const ENVIRONMENT_BYTES_MAX: u64 = 4 << 20;
