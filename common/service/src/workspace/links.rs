//! Which symbolic links stay beneath their root.

use std::collections::{HashMap, VecDeque};

use super::path::TreePath;

/// The links of one tree: their paths and targets.
pub type Links = HashMap<TreePath, String>;

/// Those of `links` that lead out of the tree, sorted by path.
///
/// A link's target is walked as the system would walk it, through the tree's other links; a name that is not a link is
/// taken for a directory, whether or not it exists. A loop of links leads nowhere, so it stays inside.
#[must_use]
pub fn escaping(links: &Links) -> Vec<(&TreePath, &str)> {
    let mut found: Vec<_> = links
        .iter()
        .filter(|(path, target)| !stays_inside(path, target, links))
        .map(|(path, target)| (path, target.as_str()))
        .collect();
    found.sort_unstable();
    found
}

fn stays_inside(link: &TreePath, target: &str, links: &Links) -> bool {
    let mut place = link.parent().unwrap_or_default();
    let mut ahead = VecDeque::new();
    if !push_target(&mut ahead, target) {
        return false;
    }
    let mut links_followed = 0;
    while let Some(name) = ahead.pop_front() {
        if name == ".." {
            match place.parent() {
                Some(parent) => place = parent,
                None => return false,
            }
            continue;
        }
        let Ok(next) = place.join(name) else { return false };
        match links.get(&next) {
            None => place = next,
            Some(_) if links_followed == LINKS_FOLLOWED_MAX => return true,
            Some(target) => {
                links_followed += 1;
                if !push_target(&mut ahead, target) {
                    return false;
                }
            }
        }
    }
    true
}

/// Puts the names of a target before those still ahead; false if it begins anew at the system's root.
fn push_target<'a>(ahead: &mut VecDeque<&'a str>, target: &'a str) -> bool {
    for name in target.rsplit('/').filter(|name| !name.is_empty() && *name != ".") {
        ahead.push_front(name);
    }
    !target.starts_with('/') && !target.is_empty()
}

/// As many as Linux follows.
const LINKS_FOLLOWED_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_judged_by_where_they_lead() {
        for (links, expected) in [
            (&[("a", "b")][..], &[][..]),
            (&[("d/a", "../b")], &[]),
            (&[("a", "d/../b")], &[]),
            (&[("a", "."), ("b", "a/./c")], &[]),
            (&[("a", "b"), ("b", "a")], &[]),
            (&[("a", "/etc/passwd")], &["a"]),
            (&[("a", "..")], &["a"]),
            (&[("d/a", "../../b")], &["d/a"]),
            (&[("a", "b/../../c")], &["a"]),
            (&[("a", "")], &["a"]),
            // It looks as if it stayed inside, but `d/e/s` leads to the root, and from there `..` leads out.
            (&[("d/e/s", "../.."), ("t", "d/e/s/..")], &["t"]),
            (&[("d/e/s", "../.."), ("t", "d/e/s/x")], &[]),
        ] {
            let links: Links = links
                .iter()
                .map(|(path, target)| (TreePath::parse(path).expect("test paths are fine"), (*target).to_owned()))
                .collect();
            let found: Vec<&str> = escaping(&links).into_iter().map(|(path, _)| path.as_str()).collect();
            assert_eq!(found, expected, "{links:?}");
        }
    }
}
