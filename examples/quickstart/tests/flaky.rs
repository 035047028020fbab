//! A test that fails the first time and passes the second, as a race would now and then.
//!
//! It is here so that a reader sees what Muster makes of such a test: it is run again, alone and on another agent, and
//! then counts as flaky, not as passed.

#[test]
fn sometimes_too_slow() {
    let attempt = std::env::var("MUSTER_TEST_ATTEMPT").unwrap_or_default();
    let answered_after_ms = if attempt == "1" { 250 } else { 50 };
    assert!(answered_after_ms < 100, "the answer took {answered_after_ms} ms");
}
