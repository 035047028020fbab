//! Blobs and workspaces end to end: the client and the services over real connections, in one process.

mod byte_stream;
mod cas;
mod disk;
mod fixture;
mod hostile;
mod materialise;
mod resume;
mod round_trip;
