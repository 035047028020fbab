//! Lists within the limits of a command line.
//!
//! On Linux one argument takes 131,071 bytes and all arguments with the environment about 2 MiB. A list that may be
//! longer goes through a file where the runner reads one; else it is taken in as many commands as it needs.

/// Bytes of all selecting arguments of one command, well below what Linux takes.
pub(crate) const SELECTION_BYTES_MAX: usize = 512 << 10;
/// Selecting arguments of one command: more are slow to parse for some runners.
pub(crate) const SELECTION_COUNT_MAX: usize = 4_000;

/// How many of `sizes`, in order, fit into one command; at least one.
pub(crate) fn how_many_fit(sizes: impl IntoIterator<Item = usize>) -> usize {
    let mut bytes = 0;
    let fitting = sizes
        .into_iter()
        .take(SELECTION_COUNT_MAX)
        .take_while(|size| {
            bytes += size + 1;
            bytes <= SELECTION_BYTES_MAX
        })
        .count();
    fitting.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_taken_in_parts_and_a_monster_alone() {
        assert_eq!(how_many_fit([10, 10]), 2);
        assert_eq!(how_many_fit(vec![100; 100_000]), SELECTION_COUNT_MAX);
        assert_eq!(how_many_fit(vec![4_096; 1_000]), SELECTION_BYTES_MAX / 4_097);
        assert_eq!(how_many_fit([SELECTION_BYTES_MAX * 2, 1]), 1);
    }
}
