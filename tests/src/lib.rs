//! What tests over the whole of Muster share: its binaries as processes, and a reader of its JUnit XML.

pub mod junit;
