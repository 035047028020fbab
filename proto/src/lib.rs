//! The generated interface.
