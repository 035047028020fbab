//! What an agent finds out about its machine.

use std::num::NonZero;

use muster_common::limits::LABEL_BYTES_MAX;
use muster_common::requirement::Labels;

use crate::isolation::level::Isolation;

/// Labels that every agent has: `os`, `arch`, `cpus`, and `hostname` where it can be read.
#[must_use]
pub fn labels() -> Labels {
    let mut labels = Labels::from([
        ("os".to_owned(), std::env::consts::OS.to_owned()),
        ("arch".to_owned(), std::env::consts::ARCH.to_owned()),
        ("cpus".to_owned(), cpus().to_string()),
    ]);
    if let Some(hostname) = hostname() {
        labels.insert("hostname".to_owned(), hostname);
    }
    labels
}

/// Labels by which jobs ask for at least a level: `isolation=LEVEL`, and `isolation-user`, `isolation-sandbox` for each
/// level up to that one. None at `none`.
#[must_use]
pub fn isolation_labels(level: Isolation) -> Labels {
    let held = [Isolation::User, Isolation::Sandbox].into_iter().filter(|held| *held <= level);
    let mut labels: Labels = held.map(|held| (format!("isolation-{held}"), String::new())).collect();
    if !labels.is_empty() {
        labels.insert("isolation".to_owned(), level.to_string());
    }
    labels
}

/// Processors that this process may use.
#[must_use]
pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// The machine's name, if it has a usable one.
#[must_use]
pub fn hostname() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    let is_usable = !name.is_empty() && name.len() <= LABEL_BYTES_MAX / 2;
    is_usable.then_some(name)
}

/// Most labels that [`labels`] and [`isolation_labels`] return.
pub const LABELS_FOUND_MAX: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_has_the_labels_of_those_below_it() {
        let names = |level| isolation_labels(level).into_keys().collect::<Vec<_>>();
        assert_eq!(names(Isolation::None), [""; 0]);
        assert_eq!(names(Isolation::User), ["isolation", "isolation-user"]);
        assert_eq!(names(Isolation::Sandbox), ["isolation", "isolation-sandbox", "isolation-user"]);
    }
}
