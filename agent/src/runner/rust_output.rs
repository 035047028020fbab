//! What a Rust test wrote, read for the one thing that a person wants to know.

/// The panic's place and message, or else the first line that says something.
pub(crate) fn summary(output: &str) -> String {
    panic_message(output).unwrap_or_else(|| output.lines().map(str::trim).find(is_telling).unwrap_or("").to_owned())
}

/// From `thread 'x' (1) panicked at src/lib.rs:1:2:` and what follows up to the backtrace or the note about it.
fn panic_message(output: &str) -> Option<String> {
    let mut lines = output.lines().skip_while(|line| !(line.starts_with("thread '") && line.contains("panicked at ")));
    let (_, place) = lines.next()?.split_once("panicked at ")?;
    let said: Vec<&str> = lines
        .take_while(|line| !line.starts_with("note: run with `RUST_BACKTRACE") && !line.starts_with("stack backtrace:"))
        .collect();
    Some(format!("{}\n{place}", said.join("\n").trim()).trim().trim_end_matches(':').to_owned())
}

fn is_telling(line: &&str) -> bool {
    !line.is_empty() && !line.starts_with("running ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_found_after_what_the_test_printed() {
        let output = "before\n\nthread 'tests::fails' (13339) panicked at src/lib.rs:22:46:\n\
            assertion `left == right` failed: odd\n  left: 1\n right: 2\n\
            note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        assert_eq!(summary(output), "assertion `left == right` failed: odd\n  left: 1\n right: 2\nsrc/lib.rs:22:46");
        assert_eq!(summary("\nError: \"bad\"\n"), "Error: \"bad\"");
        assert_eq!(summary(""), "");
    }
}
