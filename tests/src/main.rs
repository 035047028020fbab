//! Tests over the whole of Muster, and the experiments of cargo xtask.

fn main() {}
