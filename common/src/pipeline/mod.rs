//! The file `muster.yml`: from text to a checked [`crate::spec::RunSpec`].
