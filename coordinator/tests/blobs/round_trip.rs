//! What is uploaded comes back as it was, and only what is missing is sent.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use muster_service::blob::content::digest_of;
use muster_service::blob::{BlobContent, BlobSource, UploadError};
use muster_service::workspace::progress::{Phase, Progress};
use muster_service::workspace::{ScanOptions, upload_artifact, upload_workspace};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::fixture::{Fixture, Seen, cache, directory_of, file, no_report, noise, seen, write};

#[tokio::test(flavor = "multi_thread")]
async fn odd_trees_come_back_as_they_were() -> Result<()> {
    let fixture = Fixture::start().await?;
    let source = tempfile::tempdir()?;
    let deep = format!("{}leaf", "d/".repeat(100));
    let tree: BTreeMap<String, Seen> = [
        ("empty directory", Seen::Directory),
        ("empty file", file(b"")),
        ("ünïcödé/名前 \t\u{1f980}", file(b"x")),
        ("..dots../...", file(b"dots")),
        ("-rf", file(b"a flag?")),
        ("new\nline", file(b"nl")),
        ("run.sh", Seen::File { content: b"#!/bin/sh\n".to_vec(), is_executable: true }),
        ("empty program", Seen::File { content: vec![], is_executable: true }),
        ("d/link", Seen::Link("../run.sh".to_owned())),
        ("dangling", Seen::Link("nowhere/at all".to_owned())),
        ("to itself", Seen::Link("to itself".to_owned())),
        ("to root", Seen::Link(".".to_owned())),
        (&deep, file(b"deep")),
        ("1 MiB", file(&noise(1 << 20, 1))),
        ("1 MiB and a byte", file(&noise((1 << 20) + 1, 2))),
        ("40 MB", file(&noise(40_000_000, 3))),
    ]
    .map(|(path, what)| (path.to_owned(), what))
    .into();
    write(source.path(), &tree)?;

    let uploaded = fixture.upload(source.path()).await?;
    let ((near, _cache), target) = (cache()?, tempfile::tempdir()?);
    let made = fixture.materialise(uploaded.root, &near, &target.path().join("new/target")).await?;
    assert_eq!(seen(&target.path().join("new/target"))?, seen(source.path())?);
    assert_eq!((made.files, made.bytes), (uploaded.files, uploaded.bytes));
    assert_eq!((uploaded.files, uploaded.bytes), (11, 40_000_000 + (2 << 20) + 1 + 1 + 4 + 7 + 2 + 10 + 4));

    let again = tempfile::tempdir()?;
    let made = fixture.materialise(uploaded.root, &near, again.path()).await?;
    assert_eq!(made.fetched_bytes, 0, "everything is in the cache");
    assert_eq!(seen(again.path())?, seen(source.path())?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_missing_is_sent() -> Result<()> {
    let fixture = Fixture::start().await?;
    let (big, small) = (noise(3_000_000, 1), noise(10_000, 2));
    let source = directory_of(&[("big", &big), ("a/small", &small), ("b/small too", &small)])?;
    let first = fixture.upload(source.path()).await?;
    assert!(
        first.uploaded_bytes > 3_010_000 && first.uploaded_bytes < 3_020_000,
        "one content is sent once: {first:?}"
    );

    let second = fixture.upload(source.path()).await?;
    assert_eq!((second.root, second.uploaded_bytes), (first.root, 0));

    fs::write(source.path().join("a/small"), noise(20_000, 3))?;
    let third = fixture.upload(source.path()).await?;
    assert!(third.uploaded_bytes > 20_000 && third.uploaded_bytes < 21_000, "a file and two directories: {third:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_directory_is_a_workspace() -> Result<()> {
    let fixture = Fixture::start().await?;
    let uploaded = fixture.upload(tempfile::tempdir()?.path()).await?;
    assert_eq!((uploaded.root, uploaded.files, uploaded.uploaded_bytes), (digest_of(b""), 0, 0));
    let ((near, _cache), target) = (cache()?, tempfile::tempdir()?);
    fixture.materialise(uploaded.root, &near, target.path()).await?;
    assert!(seen(target.path())?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_files_come_back() -> Result<()> {
    let fixture = Fixture::start().await?;
    let source = tempfile::tempdir()?;
    for number in 0_u32..3_000 {
        let folder = source.path().join(format!("{}/{}", number % 50, number % 7));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{number}.txt")), number.to_string())?;
    }
    let uploaded = fixture.upload(source.path()).await?;
    assert_eq!(uploaded.files, 3_000);
    let ((near, _cache), target) = (cache()?, tempfile::tempdir()?);
    fixture.materialise(uploaded.root, &near, target.path()).await?;
    assert_eq!(seen(target.path())?, seen(source.path())?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_too_large_for_a_batch_comes_back() -> Result<()> {
    let fixture = Fixture::start().await?;
    let source = tempfile::tempdir()?;
    for number in 0..3_500 {
        fs::write(source.path().join(format!("{number:0250}")), "")?;
    }
    let uploaded = fixture.upload(source.path()).await?;
    assert!(uploaded.root.size_bytes > 1 << 20, "it travels as a stream: {}", uploaded.root);
    let ((near, _cache), target) = (cache()?, tempfile::tempdir()?);
    fixture.materialise(uploaded.root, &near, target.path()).await?;
    assert_eq!(fs::read_dir(target.path())?.count(), 3_500);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn artifacts_are_what_patterns_name() -> Result<()> {
    let fixture = Fixture::start().await?;
    let source = directory_of(&[(".gitignore", b"target\n"), ("target/debug/app", b"app"), ("target/x.o", b"o")])?;
    let patterns = ["target/*/app".to_owned()];
    let uploaded =
        upload_artifact(&fixture.client, source.path(), &patterns, muster_service::workspace::progress::unwatched())
            .await?;
    let ((near, _cache), target) = (cache()?, tempfile::tempdir()?);
    fixture.materialise(uploaded.root, &near, target.path()).await?;
    let paths: Vec<String> = seen(target.path())?.into_keys().collect();
    assert_eq!(paths, ["target", "target/debug", "target/debug/app"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_meanwhile_is_read_again() -> Result<()> {
    let fixture = Fixture::start().await?;
    for length in [10, 2_000_000] {
        let source = directory_of(&[("changing", &noise(length, 1))])?;
        let (path, changed) = (source.path().join("changing"), AtomicBool::new(false));
        let change_once = move |progress: Progress| {
            if progress.phase == Phase::Hash && !changed.swap(true, Ordering::Relaxed) {
                drop(fs::write(&path, noise(length + 5, 2)));
            }
        };
        let options = ScanOptions::default();
        let uploaded = upload_workspace(&fixture.client, source.path(), &options, Arc::new(change_once)).await?;
        let ((near, _cache), target) = (cache()?, tempfile::tempdir()?);
        fixture.materialise(uploaded.root, &near, target.path()).await?;
        assert_eq!(seen(target.path())?["changing"], file(&noise(length + 5, 2)));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_never_stops_changing_is_named() -> Result<()> {
    let fixture = Fixture::start().await?;
    let source = directory_of(&[("log", b"0")])?;
    let path = source.path().join("log");
    let always_change = move |progress: Progress| {
        if progress.phase == Phase::Hash {
            let longer = fs::read(&path).map(|content| content.len() + 1).unwrap_or(0);
            drop(fs::write(&path, noise(longer, 1)));
        }
    };
    let options = ScanOptions::default();
    let outcome = upload_workspace(&fixture.client, source.path(), &options, Arc::new(always_change)).await;
    let error = outcome.expect_err("it changes after every reading").to_string();
    assert!(error.contains("log changed again and again"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_not_what_its_digest_says_is_not_sent() -> Result<()> {
    struct Liar;
    impl BlobSource for Liar {
        fn open(&self, _: &muster_common::digest::Digest) -> std::io::Result<BlobContent> {
            Ok(BlobContent::Bytes(vec![0; 2_000_000].into()))
        }
        fn name(&self, _: &muster_common::digest::Digest) -> String {
            "liar".to_owned()
        }
    }
    let fixture = Fixture::start().await?;
    for length in [10, 2_000_000, 3_000_000] {
        let digest = digest_of(&noise(length, 1));
        let outcome = fixture.client.upload(&[digest], Arc::new(Liar), no_report()).await;
        assert!(matches!(outcome, Err(UploadError::Changed(_))), "{outcome:?}");
        assert!(!fixture.blobs.contains(digest).await?);
    }
    Ok(())
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]", "[ -.0-~]{1,12}", "\\PC{1,8}"]
        .prop_filter("it is a name", |name| {
            !name.contains(['/', '\0']) && ![".", "..", ".git"].contains(&name.as_str())
        })
        .prop_filter("it is no ignore file", |name| !name.ends_with("ignore"))
}

fn trees() -> impl Strategy<Value = BTreeMap<String, Seen>> {
    let what = prop_oneof![
        1 => Just(Seen::Directory),
        4 => (proptest::collection::vec(any::<u8>(), 0..40), any::<bool>())
            .prop_map(|(content, is_executable)| Seen::File { content, is_executable }),
        1 => names().prop_map(Seen::Link),
    ];
    let path = proptest::collection::vec(names(), 1..4);
    proptest::collection::vec((path, what), 0..12).prop_map(|entries| {
        let mut tree: BTreeMap<String, Seen> = BTreeMap::new();
        for (path, what) in entries {
            let folders = (1..path.len()).map(|length| path[..length].join("/"));
            let path_is_free = !tree.contains_key(&path.join("/"));
            if path_is_free && folders.clone().all(|folder| matches!(tree.get(&folder), None | Some(Seen::Directory))) {
                tree.extend(folders.map(|folder| (folder, Seen::Directory)));
                tree.insert(path.join("/"), what);
            }
        }
        tree
    })
}

#[test]
fn any_tree_comes_back_as_it_was() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let fixture = runtime.block_on(Fixture::start())?;
    let (near, _cache) = cache()?;
    let mut runner = TestRunner::new(Config { cases: 32, failure_persistence: None, ..Config::default() });
    runner.run(&trees(), |tree| {
        let target = runtime.block_on(async {
            let (source, target) = (tempfile::tempdir()?, tempfile::tempdir()?);
            write(source.path(), &tree)?;
            let uploaded = fixture.upload(source.path()).await?;
            fixture.materialise(uploaded.root, &near, target.path()).await?;
            seen(target.path())
        });
        prop_assert_eq!(target.map_err(|error| TestCaseError::fail(format!("{error:#}")))?, tree);
        Ok(())
    })?;
    Ok(())
}
