//! The pure heart of the coordinator: one step from an input to writes and effects.
