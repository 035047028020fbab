//! The directory of blobs.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use muster_common::digest::Digest;
use muster_coordinator::blobs::{BlobError, DiskBlobs, DiskSettings};
use muster_service::blob::content::{EMPTY, digest_of};
use tempfile::TempDir;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::fixture::noise;

fn settings(directory: &TempDir) -> DiskSettings {
    DiskSettings { directory: directory.path().to_owned(), free_bytes_min: 0 }
}

fn path_of(directory: &TempDir, digest: &Digest) -> PathBuf {
    let hash = digest.hash_hex();
    directory.path().join(&hash[..2]).join(hash)
}

#[tokio::test]
async fn what_was_written_is_there_in_the_next_life() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let blobs = DiskBlobs::open(settings(&directory)).await?;
    let digest = blobs.write(&b"abc"[..]).await?;
    assert_eq!(digest, digest_of(b"abc"));
    fs::write(directory.path().join("new/left behind"), "x")?;
    drop(blobs);
    let blobs = DiskBlobs::open(settings(&directory)).await?;
    assert_eq!(blobs.read(digest, 3).await?, &b"abc"[..]);
    assert!(matches!(blobs.read(digest, 2).await, Err(BlobError::TooLarge { .. })));
    assert_eq!(fs::read_dir(directory.path().join("new"))?.count(), 0);
    blobs.delete(digest).await?;
    blobs.delete(digest).await?;
    assert!(matches!(blobs.read(digest, 3).await, Err(BlobError::NotFound(_))));
    assert!(blobs.contains(EMPTY).await? && blobs.read(EMPTY, 0).await?.is_empty());
    assert_eq!(blobs.missing(vec![digest, EMPTY, digest]).await?, [digest]);
    Ok(())
}

#[tokio::test]
async fn a_directory_is_used_by_one_at_a_time() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let blobs = DiskBlobs::open(settings(&directory)).await?;
    assert!(matches!(DiskBlobs::open(settings(&directory)).await, Err(BlobError::InUse(_))));
    drop(blobs);
    DiskBlobs::open(settings(&directory)).await?;
    Ok(())
}

#[tokio::test]
async fn a_damaged_blob_is_set_aside_and_can_be_stored_again() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let digest = DiskBlobs::open(settings(&directory)).await?.write(&b"abc"[..]).await?;
    fs::write(path_of(&directory, &digest), "abX")?;
    let blobs = DiskBlobs::open(settings(&directory)).await?;
    assert!(matches!(blobs.read(digest, 3).await, Err(BlobError::Damaged(_))));
    assert!(!blobs.contains(digest).await?);
    blobs.write(&b"abc"[..]).await?;
    assert_eq!(blobs.read(digest, 3).await?, &b"abc"[..]);

    fs::write(path_of(&directory, &digest), "ab")?;
    assert!(!blobs.contains(digest).await?, "a blob that was cut off is missing");
    blobs.write(&b"abc"[..]).await?;
    assert_eq!(blobs.read(digest, 3).await?, &b"abc"[..]);
    Ok(())
}

#[tokio::test]
async fn a_full_disk_is_said_clearly() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let full = DiskSettings { free_bytes_min: u64::MAX, ..settings(&directory) };
    let blobs = DiskBlobs::open(full).await?;
    let error = blobs.write(&b"abc"[..]).await.expect_err("the reserve is larger than any disk");
    let status = Status::from(error);
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("disk is full"), "{status}");
    assert_eq!(status.get_details_error_info().map(|info| info.reason).as_deref(), Some("DISK_FULL"));
    assert_eq!(fs::read_dir(directory.path().join("new"))?.count(), 0);
    assert!(blobs.contains(EMPTY).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_write_the_same_blob_at_one_time() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let blobs = DiskBlobs::open(settings(&directory)).await?;
    let contents: Vec<Vec<u8>> = (0..10).map(|seed| noise(50_000, seed)).collect();
    let writers: Vec<_> = (0..100)
        .map(|number| {
            let (blobs, content) = (blobs.clone(), contents[number % 10].clone());
            tokio::spawn(async move { blobs.write(content).await })
        })
        .collect();
    for writer in writers {
        writer.await??;
    }
    for content in contents {
        assert_eq!(blobs.read(digest_of(&content), 50_000).await?, content);
    }
    assert_eq!(fs::read_dir(directory.path().join("new"))?.count(), 0);
    Ok(())
}
