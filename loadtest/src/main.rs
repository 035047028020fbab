//! Load scenarios: fake agents on the real session machine over real gRPC.

fn main() {}
