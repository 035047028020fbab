//! Three small things with many cases, for Muster's first run: Roman numerals, spans of time, and wildcards.

pub mod roman;
pub mod span;
pub mod wildcard;
