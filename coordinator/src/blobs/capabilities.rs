//! The `Capabilities` service: what Remote Execution API clients may ask of this coordinator.

use bazel_remote_apis::build::bazel::remote::execution::v2::capabilities_server::Capabilities;
use bazel_remote_apis::build::bazel::remote::execution::v2::{
    ActionCacheUpdateCapabilities, CacheCapabilities, GetCapabilitiesRequest, ServerCapabilities, digest_function,
    symlink_absolute_path_strategy,
};
use bazel_remote_apis::build::bazel::semver::SemVer;
use muster_common::limits::{BLOB_BATCH_BYTES_MAX, BLOB_BYTES_MAX};
use tonic::{Request, Response, Status};

/// Says that blobs are stored here, and that nothing is executed for such clients.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlobCapabilities;

#[tonic::async_trait]
impl Capabilities for BlobCapabilities {
    async fn get_capabilities(
        &self,
        _: Request<GetCapabilitiesRequest>,
    ) -> Result<Response<ServerCapabilities>, Status> {
        Ok(Response::new(ServerCapabilities {
            cache_capabilities: Some(cache_capabilities()),
            execution_capabilities: None,
            deprecated_api_version: None,
            low_api_version: Some(version(2, 0)),
            high_api_version: Some(version(2, 3)),
        }))
    }
}

fn cache_capabilities() -> CacheCapabilities {
    CacheCapabilities {
        digest_functions: vec![digest_function::Value::Sha256.into()],
        action_cache_update_capabilities: Some(ActionCacheUpdateCapabilities { update_enabled: false }),
        max_batch_total_size_bytes: i64::try_from(BLOB_BATCH_BYTES_MAX).expect("a batch is a few megabytes"),
        symlink_absolute_path_strategy: symlink_absolute_path_strategy::Value::Disallowed.into(),
        max_cas_blob_size_bytes: i64::try_from(BLOB_BYTES_MAX).expect("a blob is far smaller than 2^63 bytes"),
        ..CacheCapabilities::default()
    }
}

fn version(major: i32, minor: i32) -> SemVer {
    SemVer { major, minor, ..SemVer::default() }
}
