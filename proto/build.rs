//! Compiles the interface with protox, so that no protoc has to be installed.

use std::path::PathBuf;

const FILES: &[&str] = &[
    "muster/v1/types.proto",
    "muster/v1/runs.proto",
    "muster/v1/agents.proto",
    "muster/v1/tests.proto",
    "muster/v1/admin.proto",
    "muster/store/v1/rows.proto",
    "muster/store/v1/marks.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("muster_descriptor.bin"), prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure().btree_map(".").bytes(".").compile_fds(descriptors)?;
    Ok(())
}
