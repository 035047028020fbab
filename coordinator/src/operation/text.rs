//! Numbers for people.

/// So many bytes, in a unit that suits them.
pub(super) fn size(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut whole = bytes;
    while whole >= 10_240 && unit + 1 < units.len() {
        whole /= 1_024;
        unit += 1;
    }
    format!("{whole} {}", units[unit])
}

/// So many of something.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts_read_well() {
        assert_eq!(size(900), "900 bytes");
        assert_eq!(size(20 << 10), "20 KiB");
        assert_eq!(size(20 << 30), "20 GiB");
        assert_eq!(count(1, "run", "runs"), "1 run");
        assert_eq!(count(0, "run", "runs"), "0 runs");
    }
}
