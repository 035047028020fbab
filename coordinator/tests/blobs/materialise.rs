//! Several trees over each other, several slots at one time, and a cache that is not what it should be.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use anyhow::Result;
use muster_service::workspace::{BlobCache, Layer, MaterialiseError, Placement, TreePath, materialise, remove_tree};

use crate::fixture::{Fixture, Seen, cache, directory_of, file, noise, seen, whole};

#[tokio::test(flavor = "multi_thread")]
async fn later_trees_lie_over_earlier_ones() -> Result<()> {
    let fixture = Fixture::start().await?;
    let below = directory_of(&[("a", b"below"), ("d/x", b"below"), ("d/y", b"below")])?;
    std::os::unix::fs::symlink("a", below.path().join("link"))?;
    let above = directory_of(&[("a", b"above"), ("d/x", b"above"), ("link", b"a file now")])?;
    let (below, above) = (fixture.upload(below.path()).await?.root, fixture.upload(above.path()).await?.root);
    let ((near, _cache), target) = (cache()?, tempfile::tempdir()?);
    let inside = Layer { path: TreePath::parse("d/deps")?, ..whole(above) };
    materialise(&fixture.client, &near, &[whole(below), whole(above), inside], target.path()).await?;
    let expected = [
        ("a", file(b"above")),
        ("d", Seen::Directory),
        ("d/deps", Seen::Directory),
        ("d/deps/a", file(b"above")),
        ("d/deps/d", Seen::Directory),
        ("d/deps/d/x", file(b"above")),
        ("d/deps/link", file(b"a file now")),
        ("d/x", file(b"above")),
        ("d/y", file(b"below")),
        ("link", file(b"a file now")),
    ];
    assert_eq!(seen(target.path())?, expected.map(|(path, what)| (path.to_owned(), what)).into());

    // The same again, in two calls: what the first has made gives way.
    let twice = tempfile::tempdir()?;
    materialise(&fixture.client, &near, &[whole(below)], twice.path()).await?;
    materialise(&fixture.client, &near, &[whole(above)], twice.path()).await?;
    assert_eq!(seen(twice.path())?["link"], file(b"a file now"));
    assert_eq!(seen(twice.path())?["a"], file(b"above"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_and_a_file_at_one_place_are_refused() -> Result<()> {
    let fixture = Fixture::start().await?;
    let one = fixture.upload(directory_of(&[("a/b", b"")])?.path()).await?.root;
    let other = fixture.upload(directory_of(&[("a", b"")])?.path()).await?.root;
    let ((near, _cache), target) = (cache()?, tempfile::tempdir()?);
    for layers in [[whole(one), whole(other)], [whole(other), whole(one)]] {
        let outcome = materialise(&fixture.client, &near, &layers, target.path()).await;
        assert!(matches!(&outcome, Err(MaterialiseError::Conflict(path)) if path.as_str() == "a"), "{outcome:?}");
    }
    assert!(seen(target.path())?.is_empty(), "nothing is made of what is refused");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_writes_does_not_reach_the_cache() -> Result<()> {
    let fixture = Fixture::start().await?;
    let source = directory_of(&[("small", b"before"), ("large", &noise(2_000_000, 1)), ("run", b"program")])?;
    fs::set_permissions(source.path().join("run"), fs::Permissions::from_mode(0o755))?;
    let root = fixture.upload(source.path()).await?.root;
    let ((near, _cache), target) = (cache()?, tempfile::tempdir()?);
    for number in 0..2 {
        let (copied, linked) = (target.path().join(format!("c{number}")), target.path().join(format!("l{number}")));
        fixture.materialise(root, &near, &copied).await?;
        let layer = Layer { placement: Placement::Link, ..whole(root) };
        let made = materialise(&fixture.client, &near, &[layer], &linked).await?;
        assert_eq!(made.fetched_bytes, 0);
        for directory in [&copied, &linked] {
            assert_eq!(seen(directory)?, seen(source.path())?);
        }
        let (copy, link, run) = (copied.join("small"), linked.join("small"), linked.join("run"));
        assert_eq!((fs::metadata(&copy)?.nlink(), fs::metadata(&copy)?.mode() & 0o777), (1, 0o644));
        assert_eq!(fs::metadata(&link)?.mode() & 0o777, 0o444);
        assert_eq!(fs::metadata(&run)?.mode() & 0o777, 0o555);
        assert!(fs::metadata(&link)?.nlink() > 1 && fs::metadata(&run)?.nlink() > 1);
        for name in ["small", "large", "run"] {
            fs::write(copied.join(name), "a job was here")?;
        }
    }
    let fresh = target.path().join("fresh");
    assert_eq!(fixture.materialise(root, &near, &fresh).await?.fetched_bytes, 0);
    assert_eq!(seen(&fresh)?, seen(source.path())?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_cache_is_filled_again() -> Result<()> {
    let fixture = Fixture::start().await?;
    let source = directory_of(&[("small", b"before"), ("large", &noise(2_000_000, 1))])?;
    let root = fixture.upload(source.path()).await?.root;
    let (near, directory) = cache()?;
    let target = tempfile::tempdir()?;
    fixture.materialise(root, &near, &target.path().join("1")).await?;
    let mut damaged = 0;
    for folder in fs::read_dir(directory.path())?.flatten().filter(|entry| entry.file_name().len() == 2) {
        for blob in fs::read_dir(folder.path())? {
            fs::set_permissions(blob?.path(), fs::Permissions::from_mode(0o600))?;
        }
        for blob in fs::read_dir(folder.path())? {
            fs::OpenOptions::new().write(true).open(blob?.path())?.set_len(damaged)?;
            damaged += 1;
        }
    }
    assert_eq!(damaged, 3);
    let made = fixture.materialise(root, &near, &target.path().join("2")).await?;
    assert!(made.fetched_bytes > 2_000_000);
    assert_eq!(seen(&target.path().join("2"))?, seen(source.path())?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_need_the_same_fetch_it_once() -> Result<()> {
    let fixture = Fixture::start().await?;
    let contents: Vec<Vec<u8>> = (0..200).map(|number| noise(20_000, number)).collect();
    let names: Vec<String> = (0..200).map(|number| format!("d/{number}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(contents.iter().map(Vec::as_slice)).collect();
    let source = directory_of(&files)?;
    let uploaded = fixture.upload(source.path()).await?;
    let ((near, _cache), target) = (cache()?, tempfile::tempdir()?);
    let slots = (0..6).map(|slot| {
        let (client, near, path) = (fixture.client.clone(), near.clone(), target.path().join(slot.to_string()));
        async move { materialise(&client, &near, &[whole(uploaded.root)], &path).await }
    });
    let mut fetched_bytes = 0;
    for made in futures::future::join_all(slots).await {
        fetched_bytes += made?.fetched_bytes;
    }
    assert_eq!(fetched_bytes, uploaded.uploaded_bytes);
    for slot in 0..6 {
        assert_eq!(seen(&target.path().join(slot.to_string()))?, seen(source.path())?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_larger_than_the_cache_is_made_all_the_same() -> Result<()> {
    let fixture = Fixture::start().await?;
    let source = directory_of(&[("a", &noise(700_000, 1)), ("b", &noise(700_000, 2)), ("c", &noise(2_000_000, 3))])?;
    let root = fixture.upload(source.path()).await?.root;
    let (directory, target) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let near = BlobCache::open(directory.path(), 1_000_000)?;
    for number in 0..3 {
        let target = target.path().join(number.to_string());
        fixture.materialise(root, &near, &target).await?;
        assert_eq!(seen(&target)?, seen(source.path())?);
        remove_tree(&target)?;
    }
    Ok(())
}
