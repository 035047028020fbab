//! The `ContentAddressableStorage` and `Capabilities` services, as clients of others see them.

use anyhow::{Context as _, Result};
use bazel_remote_apis::build::bazel::remote::execution::v2::capabilities_client::CapabilitiesClient;
use bazel_remote_apis::build::bazel::remote::execution::v2::content_addressable_storage_client::ContentAddressableStorageClient;
use bazel_remote_apis::build::bazel::remote::execution::v2::{
    BatchReadBlobsRequest, BatchUpdateBlobsRequest, Digest, FindMissingBlobsRequest, GetCapabilitiesRequest,
    GetTreeRequest, SplitBlobRequest, batch_update_blobs_request, digest_function,
};
use muster_service::blob::content::{EMPTY, digest_of, to_reapi};
use tonic::Code;

use crate::fixture::{Fixture, directory_of};

fn blob(content: &[u8], digest: Digest) -> batch_update_blobs_request::Request {
    batch_update_blobs_request::Request { digest: Some(digest), data: content.to_vec(), compressor: 0 }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_blob_of_a_batch_has_its_own_status() -> Result<()> {
    let fixture = Fixture::start().await?;
    let mut storage = ContentAddressableStorageClient::new(fixture.channel.clone());
    let (good, bad) = (to_reapi(&digest_of(b"good")), to_reapi(&digest_of(b"bad")));
    let requests = vec![blob(b"good", good.clone()), blob(b"other", bad.clone()), blob(b"good", good.clone())];
    let answer =
        storage.batch_update_blobs(BatchUpdateBlobsRequest { requests, ..Default::default() }).await?.into_inner();
    let codes: Vec<i32> =
        answer.responses.iter().map(|response| response.status.as_ref().map_or(0, |status| status.code)).collect();
    assert_eq!(codes, [Code::Ok as i32, Code::InvalidArgument as i32, Code::Ok as i32]);

    let digests = vec![good.clone(), bad.clone(), to_reapi(&EMPTY)];
    let answer = storage.batch_read_blobs(BatchReadBlobsRequest { digests, ..Default::default() }).await?.into_inner();
    let read: Vec<(&[u8], i32)> = answer
        .responses
        .iter()
        .map(|response| (response.data.as_slice(), response.status.as_ref().map_or(0, |status| status.code)))
        .collect();
    assert_eq!(read, [(&b"good"[..], 0), (b"", Code::NotFound as i32), (b"", 0)]);

    let blob_digests = vec![good, bad.clone(), to_reapi(&EMPTY), bad.clone()];
    let request = FindMissingBlobsRequest { blob_digests, ..Default::default() };
    let missing = storage.find_missing_blobs(request).await?.into_inner().missing_blob_digests;
    assert_eq!(missing, [bad]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_make_no_sense_are_refused() -> Result<()> {
    let fixture = Fixture::start().await?;
    let mut storage = ContentAddressableStorageClient::new(fixture.channel.clone());
    let digest = to_reapi(&digest_of(b"abc"));
    for wrong in [
        Digest { hash: "abc".to_owned(), size_bytes: 3 },
        Digest { hash: "../../../../etc/passwd".to_owned(), size_bytes: 3 },
        Digest { size_bytes: -1, ..digest.clone() },
        Digest { hash: digest.hash.to_uppercase(), size_bytes: 3 },
    ] {
        let request = FindMissingBlobsRequest { blob_digests: vec![wrong.clone()], ..Default::default() };
        let status = storage.find_missing_blobs(request).await.expect_err("the digest is none");
        assert_eq!(status.code(), Code::InvalidArgument, "{wrong:?}");
    }
    let other_function = digest_function::Value::Blake3.into();
    let request = FindMissingBlobsRequest { digest_function: other_function, ..Default::default() };
    let status = storage.find_missing_blobs(request).await.expect_err("only SHA-256 is served");
    assert_eq!(status.code(), Code::InvalidArgument);
    let digests = vec![Digest { size_bytes: 1 << 40, ..digest.clone() }];
    let status = storage
        .batch_read_blobs(BatchReadBlobsRequest { digests, ..Default::default() })
        .await
        .expect_err("it is more than a batch may have");
    assert_eq!(status.code(), Code::InvalidArgument);
    let compressed = batch_update_blobs_request::Request { compressor: 1, ..blob(b"abc", digest) };
    let request = BatchUpdateBlobsRequest { requests: vec![compressed], ..Default::default() };
    let status = storage.batch_update_blobs(request).await.expect_err("nothing is compressed");
    assert_eq!(status.code(), Code::InvalidArgument);
    let status = storage.split_blob(SplitBlobRequest::default()).await.expect_err("blobs are stored whole");
    assert_eq!(status.code(), Code::Unimplemented);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_is_sent_whole_and_each_directory_once() -> Result<()> {
    let fixture = Fixture::start().await?;
    let source = directory_of(&[("a/same/x", b"x"), ("b/same/x", b"x"), ("c/other", b"y")])?;
    let root = fixture.upload(source.path()).await?.root;
    let mut storage = ContentAddressableStorageClient::new(fixture.channel.clone());
    let request = |root| GetTreeRequest { root_digest: Some(to_reapi(&root)), ..Default::default() };
    let mut answers = storage.get_tree(request(root)).await?.into_inner();
    let mut directories = Vec::new();
    while let Some(answer) = answers.message().await? {
        directories.extend(answer.directories);
    }
    let names: Vec<&str> = directories
        .first()
        .context("the root comes first")?
        .directories
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(directories.len(), 4, "the root, a and b as one, c, and what is in a and b");
    let status = storage.get_tree(request(digest_of(b"none"))).await.expect_err("it is not stored");
    assert_eq!(status.code(), Code::NotFound);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_capabilities_say_what_is_offered() -> Result<()> {
    let fixture = Fixture::start().await?;
    let mut capabilities = CapabilitiesClient::new(fixture.channel.clone());
    let offered = capabilities.get_capabilities(GetCapabilitiesRequest::default()).await?.into_inner();
    assert!(offered.execution_capabilities.is_none());
    let cache = offered.cache_capabilities.context("there is a cache")?;
    assert_eq!(cache.digest_functions, [digest_function::Value::Sha256 as i32]);
    assert_eq!(cache.max_batch_total_size_bytes, 3 << 20);
    Ok(())
}
