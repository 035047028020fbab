//! Trees that somebody made to do harm.

use std::fs;
use std::path::Path;

use anyhow::Result;
use bazel_remote_apis::build::bazel::remote::execution::v2::{Directory, DirectoryNode, FileNode, SymlinkNode};
use muster_common::digest::Digest;
use muster_service::blob::DownloadError;
use muster_service::blob::content::{digest_of, to_reapi};
use muster_service::workspace::{BlobCache, MaterialiseError, materialise};
use prost::Message as _;

use crate::fixture::{Fixture, seen, whole};

fn file(name: &str) -> FileNode {
    FileNode { name: name.to_owned(), digest: Some(to_reapi(&digest_of(b"harm"))), ..FileNode::default() }
}

fn link(name: &str, target: &str) -> SymlinkNode {
    SymlinkNode { name: name.to_owned(), target: target.to_owned(), node_properties: None }
}

fn folder(name: &str, digest: Digest) -> DirectoryNode {
    DirectoryNode { name: name.to_owned(), digest: Some(to_reapi(&digest)) }
}

async fn stored(fixture: &Fixture, directory: &Directory) -> Result<Digest> {
    Ok(fixture.client.put(directory.encode_to_vec()).await?)
}

async fn made(fixture: &Fixture, roots: &[Digest], target: &Path) -> Result<(), MaterialiseError> {
    let near = fixture.data.path().join("cache");
    let near = BlobCache::open(&near, 1 << 30).expect("the test's directory can be written");
    let layers: Vec<_> = roots.iter().copied().map(whole).collect();
    materialise(&fixture.client, &near, &layers, target).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_trees_are_refused_and_leave_nothing_outside() -> Result<()> {
    let fixture = Fixture::start().await?;
    fixture.client.put(&b"harm"[..]).await?;
    let inner = stored(&fixture, &Directory { files: vec![file("x")], ..Directory::default() }).await?;
    let files =
        |names: &[&str]| Directory { files: names.iter().map(|name| file(name)).collect(), ..Directory::default() };
    let links = |links: &[(&str, &str)]| Directory {
        symlinks: links.iter().map(|(name, target)| link(name, target)).collect(),
        ..Directory::default()
    };
    for directory in [
        files(&[".."]),
        files(&["."]),
        files(&["../x"]),
        files(&["a/../../b"]),
        files(&["/etc/x"]),
        files(&[""]),
        files(&["a\0b"]),
        files(&["twice", "twice"]),
        Directory { directories: vec![folder("..", inner)], ..Directory::default() },
        Directory { directories: vec![folder("d", inner), folder("d", inner)], ..Directory::default() },
        Directory { files: vec![file("d")], directories: vec![folder("d", inner)], ..Directory::default() },
        // A link, and then a file through it.
        Directory { symlinks: vec![link("d", ".")], directories: vec![folder("d", inner)], ..Directory::default() },
        links(&[("a", "/etc/passwd")]),
        links(&[("a", "..")]),
        links(&[("a", "b/../../c")]),
        links(&[("a", "")]),
        Directory { files: vec![FileNode { digest: None, ..file("a") }], ..Directory::default() },
    ] {
        let root = stored(&fixture, &directory).await?;
        let base = tempfile::tempdir()?;
        let outcome = made(&fixture, &[root], &base.path().join("target")).await;
        assert!(outcome.is_err(), "{directory:?}");
        assert!(seen(base.path())?.keys().all(|path| path == "target"), "{directory:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_tree_cannot_write_through_a_link_of_an_earlier_one() -> Result<()> {
    let fixture = Fixture::start().await?;
    fixture.client.put(&b"harm"[..]).await?;
    let inner = stored(&fixture, &Directory { files: vec![file("x")], ..Directory::default() }).await?;
    let through = Directory { directories: vec![folder("d", inner)], ..Directory::default() };
    let through = stored(&fixture, &through).await?;
    let linked = Directory { symlinks: vec![link("d", "e")], ..Directory::default() };
    let linked = stored(&fixture, &linked).await?;
    let base = tempfile::tempdir()?;
    let outcome = made(&fixture, &[linked, through], &base.path().join("one call")).await;
    assert!(matches!(outcome, Err(MaterialiseError::Conflict(_))), "{outcome:?}");

    // In two calls, with a link that something else has put there in between.
    let (target, outside) = (base.path().join("two calls"), base.path().join("outside"));
    fs::create_dir_all(&target)?;
    fs::create_dir_all(&outside)?;
    std::os::unix::fs::symlink(&outside, target.join("d"))?;
    let outcome = made(&fixture, &[through], &target).await;
    assert!(matches!(outcome, Err(MaterialiseError::Write { .. })), "{outcome:?}");
    assert!(seen(&outside)?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_harmless_trees_cannot_make_a_harmful_link_together() -> Result<()> {
    let fixture = Fixture::start().await?;
    let deep = stored(&fixture, &Directory { symlinks: vec![link("s", "../..")], ..Directory::default() }).await?;
    let middle = Directory { directories: vec![folder("e", deep)], ..Directory::default() };
    let middle = stored(&fixture, &middle).await?;
    let one = Directory { directories: vec![folder("d", middle)], ..Directory::default() };
    let one = stored(&fixture, &one).await?;
    let other = Directory { symlinks: vec![link("t", "d/e/s/..")], ..Directory::default() };
    let other = stored(&fixture, &other).await?;
    let base = tempfile::tempdir()?;
    made(&fixture, &[one], &base.path().join("one")).await?;
    let outcome = made(&fixture, &[one, other], &base.path().join("both")).await;
    assert!(matches!(outcome, Err(MaterialiseError::LinkEscapes { .. })), "{outcome:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_message_cannot_grow_into_a_huge_tree() -> Result<()> {
    let fixture = Fixture::start().await?;
    let mut digest = stored(&fixture, &Directory::default()).await?;
    for _ in 0..30 {
        let directories = ["a", "b"].map(|name| folder(name, digest)).to_vec();
        digest = stored(&fixture, &Directory { directories, ..Directory::default() }).await?;
    }
    let base = tempfile::tempdir()?;
    let outcome = made(&fixture, &[digest], &base.path().join("target")).await;
    assert!(matches!(outcome, Err(MaterialiseError::TooMany { .. })), "{outcome:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_cannot_be_too_deep() -> Result<()> {
    let fixture = Fixture::start().await?;
    let mut directory = Directory::default();
    for _ in 0..300 {
        let digest = digest_of(&directory.encode_to_vec());
        fixture.blobs.write(directory.encode_to_vec()).await?;
        directory = Directory { directories: vec![folder("d", digest)], ..Directory::default() };
    }
    let root = stored(&fixture, &directory).await?;
    let base = tempfile::tempdir()?;
    let outcome = made(&fixture, &[root], &base.path().join("target")).await;
    assert!(matches!(outcome, Err(MaterialiseError::Path(_))), "{outcome:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_whose_parts_are_missing_or_no_directories_is_refused() -> Result<()> {
    let fixture = Fixture::start().await?;
    let base = tempfile::tempdir()?;
    let missing = digest_of(b"nobody has stored this");
    let outcome = made(&fixture, &[missing], &base.path().join("1")).await;
    assert!(
        matches!(outcome, Err(MaterialiseError::Download(DownloadError::NotFound(digest))) if digest == missing),
        "{outcome:?}"
    );
    let root = stored(&fixture, &Directory { files: vec![file("absent")], ..Directory::default() }).await?;
    let outcome = made(&fixture, &[root], &base.path().join("2")).await;
    assert!(matches!(outcome, Err(MaterialiseError::Download(DownloadError::NotFound(_)))), "{outcome:?}");
    let noise = fixture.client.put(&b"\xff\xff\xff\xff"[..]).await?;
    let outcome = made(&fixture, &[noise], &base.path().join("3")).await;
    assert!(matches!(outcome, Err(MaterialiseError::Directory { .. })), "{outcome:?}");
    Ok(())
}
