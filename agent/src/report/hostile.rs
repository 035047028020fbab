//! Files that want to do harm: whatever the bytes are, a reader answers, and soon.

use muster_common::spec::ResultFormat;
use proptest::prelude::*;

use super::format::read;
use super::{ctrf, go_test, junit, libtest, tap};

const SAMPLES: [(ResultFormat, &str); 5] = [
    (ResultFormat::Junit, junit::tests::PYTEST),
    (ResultFormat::Tap, tap::tests::SAMPLE),
    (ResultFormat::Ctrf, ctrf::tests::SAMPLE),
    (ResultFormat::GoTest, go_test::tests::SAMPLE),
    (ResultFormat::Libtest, libtest::tests::SAMPLE),
];

#[test]
fn no_format_reads_the_report_of_another() {
    for (format, sample) in SAMPLES {
        for (other, _) in SAMPLES {
            assert_eq!(read(other, sample.as_bytes()).is_ok(), format == other, "{sample:.20} as {other:?}");
        }
    }
}

#[test]
fn depth_and_width_do_no_harm() {
    let nested = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let bombs = [
        nested("[", "]"),
        nested("{\"results\":", "}"),
        nested("<testsuite>", "</testsuite>"),
        format!("{{\"results\":{{\"tests\":{}}}}}", nested("[", "]")),
        format!("1..1\n{}ok 1\n", " ".repeat(400_000)),
        (0..2_000).map(|level| format!("{}ok 1 - a\n", " ".repeat(level * 4))).collect(),
        format!("{{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"{}\"}}\n", "a/".repeat(10_000)),
        "<!DOCTYPE x [<!ENTITY a \"&b;&b;\"><!ENTITY b \"&a;&a;\">]><testsuite>&a;</testsuite>".to_owned(),
    ];
    for bomb in bombs {
        for (format, _) in SAMPLES {
            let _ = read(format, bomb.as_bytes());
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        for (format, _) in SAMPLES {
            let _ = read(format, &bytes);
        }
    }

    #[test]
    fn no_change_of_a_report_panics(
        which in 0..SAMPLES.len(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let (format, sample) = SAMPLES[which];
        let mut bytes = sample.as_bytes().to_vec();
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(cut.index(sample.len()) + 1);
        let _ = read(format, &bytes);
    }

    #[test]
    fn no_mixture_of_lines_panics(lines in prop::collection::vec(0..LINES.len(), 0..40)) {
        let text: String = lines.into_iter().map(|line| format!("{}\n", LINES[line])).collect();
        for (format, _) in SAMPLES {
            let _ = read(format, text.as_bytes());
        }
    }
}

const LINES: [&str; 16] = [
    "1..2",
    "    1..1",
    "ok 1 - a",
    "not ok 2 # TODO",
    "    ok 1 - b",
    "        not ok",
    "  ---",
    "  ...",
    "Bail out!",
    r#"{"Action":"run","Package":"p","Test":"T/a"}"#,
    r#"{"Action":"pass","Package":"p","Test":"T/a"}"#,
    r#"{"Action":"fail","Package":"p"}"#,
    r#"{"type":"suite","event":"started","test_count":1}"#,
    r#"{"type":"test","event":"ok","name":"a$b"}"#,
    r#"{"type":"suite","event":"ok"}"#,
    "é # SKIP",
];
