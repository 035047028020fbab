//! What is kept comes back as it was, or not at all.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::*;

const LONG: Duration = Duration::from_secs(1_000_000);
const SMALL: Bounds = Bounds { lists_max: 16, bytes_max: 16 << 10 };

fn key(number: u8) -> Key {
    Key::new([number; 32])
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_list_comes_back_under_its_key_alone() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(&folder.path().join("lists"), Bounds::default())?;
    let kept = [names(&["b", "a\nc", "é"]), names(&[]), names(&["a"])];
    for (number, list) in (0..).zip(&kept) {
        store.put(&key(number), list)?;
    }
    let again = Store::open(&folder.path().join("lists"), Bounds::default())?;
    for (number, list) in (0..).zip(&kept) {
        assert_eq!(again.get(&key(number), LONG).as_ref(), Some(list));
    }
    assert_eq!(again.get(&key(9), LONG), None);
    again.put(&key(0), &kept[2])?;
    assert_eq!(store.get(&key(0), LONG).as_ref(), Some(&kept[2]));
    store.forget(&key(0));
    assert_eq!(again.get(&key(0), LONG), None);
    Ok(())
}

#[test]
fn whatever_is_damaged_is_absent_and_goes() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path(), Bounds::default())?;
    store.put(&key(1), &names(&["test_a", "test_b"]))?;
    let path = folder.path().join(key(1).hex());
    let whole = fs::read(&path)?;
    let mut damaged: Vec<Vec<u8>> = (0..whole.len()).map(|end| whole[..end].to_vec()).collect();
    damaged.extend((0..whole.len()).map(|place| {
        let mut flipped = whole.clone();
        flipped[place] ^= 1;
        flipped
    }));
    damaged.push([whole.as_slice(), b"test_c\0"].concat());
    for bytes in damaged {
        fs::write(&path, &bytes)?;
        assert_eq!(store.get(&key(1), LONG), None, "{bytes:?}");
        assert!(!path.exists());
    }
    fs::write(folder.path().join(key(2).hex()), &whole)?;
    assert_eq!(store.get(&key(2), LONG), None, "a list of another key");
    Ok(())
}

#[test]
fn nothing_is_read_through_links_or_from_what_is_no_file() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let lists = folder.path().join("lists");
    let store = Store::open(&lists, Bounds::default())?;
    store.put(&key(1), &names(&["a"]))?;
    let outside = folder.path().join("outside");
    fs::rename(lists.join(key(1).hex()), &outside)?;
    std::os::unix::fs::symlink(&outside, lists.join(key(1).hex()))?;
    assert_eq!(store.get(&key(1), LONG), None);
    nix::unistd::mkfifo(&lists.join(key(2).hex()), nix::sys::stat::Mode::S_IRWXU)?;
    assert_eq!(store.get(&key(2), LONG), None);
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&lists, &link)?;
    assert!(Store::open(&link, Bounds::default()).is_err());
    Ok(())
}

#[test]
fn what_is_too_old_is_absent() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path(), Bounds::default())?;
    let hour = Duration::from_secs(60 * 60);
    for (number, made) in [(1, SystemTime::now() - 2 * hour), (2, SystemTime::now() + 2 * hour)] {
        store.put(&key(number), &names(&["a"]))?;
        File::options().append(true).open(folder.path().join(key(number).hex()))?.set_modified(made)?;
        assert_eq!(store.get(&key(number), hour), None);
    }
    store.put(&key(3), &names(&["a"]))?;
    assert!(store.get(&key(3), hour).is_some());
    Ok(())
}

#[test]
fn bounds_are_held_and_what_was_used_last_stays() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path(), SMALL)?;
    store.put(&key(0), &names(&[&"x".repeat(SMALL.bytes_max as usize / 8)]))?;
    assert_eq!(store.get(&key(0), LONG), None, "too large to be kept");
    let used = key(1);
    store.put(&used, &names(&["used"]))?;
    for number in 2..200 {
        store.put(&key(number), &names(&[&"x".repeat(1_000)]))?;
        // Last used later than all that came before, whatever the clock's steps are.
        let times = fs::FileTimes::new().set_accessed(SystemTime::now() + Duration::from_secs(u64::from(number)));
        File::options().append(true).open(folder.path().join(used.hex()))?.set_times(times)?;
    }
    assert!(store.get(&used, LONG).is_some());
    let mut bytes = 0;
    let mut lists = 0;
    for entry in fs::read_dir(folder.path())? {
        bytes += entry?.metadata()?.len();
        lists += 1;
    }
    assert!(lists <= SMALL.lists_max / 8 * 9 && bytes <= SMALL.bytes_max / 8 * 9, "{lists} lists, {bytes} bytes");
    Ok(())
}

#[test]
fn what_a_killed_agent_left_half_written_goes_and_what_is_being_written_stays() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (old, new) = (folder.path().join("new-old"), folder.path().join("new-new"));
    fs::write(&old, "half")?;
    fs::write(&new, "half")?;
    File::options().append(true).open(&old)?.set_modified(SystemTime::now() - 2 * TEMPORARY_AGE_MAX)?;
    Store::open(folder.path(), SMALL)?;
    assert_eq!((old.exists(), new.exists()), (false, true));
    Ok(())
}

#[test]
fn agents_that_share_it_see_whole_lists_only() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let lists: Vec<Vec<String>> =
        (0..4).map(|writer| (0..50).map(|index| format!("writer {writer} test {index}")).collect()).collect();
    std::thread::scope(|scope| {
        for list in &lists {
            let store = Store::open(folder.path(), SMALL).expect("the folder is there");
            scope.spawn(move || {
                for round in 0..50 {
                    store.put(&key(round % 20), list).expect("it is written");
                }
            });
        }
        let store = Store::open(folder.path(), SMALL).expect("the folder is there");
        let known: BTreeSet<&Vec<String>> = lists.iter().collect();
        for round in 0..500_u16 {
            if let Some(read) = store.get(&key((round % 20) as u8), LONG) {
                assert!(known.contains(&read), "{read:?}");
            }
        }
    });
    Ok(())
}
