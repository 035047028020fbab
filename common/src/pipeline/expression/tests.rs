//! The language, as tables.

use proptest::prelude::*;

use super::{
    Context, ExpressionError, MusterContext, NeedContext, Status, StepContext, evaluate_condition, fold, interpolate,
    parse, print,
};
use crate::outcome::Outcome;

#[test]
fn values_are_computed_as_github_actions_computes_them() {
    let table = [
        // Literals and their texts.
        ("null", ""),
        ("true", "true"),
        ("1.50", "1.5"),
        ("-0", "0"),
        ("0xff", "255"),
        ("0o17", "15"),
        ("1e3", "1000"),
        ("'it''s'", "it's"),
        // Loose equality: numbers where the kinds differ, texts without regard to case.
        ("'A' == 'a'", "true"),
        ("1 == '1'", "true"),
        ("'0x10' == 16", "true"),
        ("true == 1", "true"),
        ("null == ''", "true"),
        ("null == 0", "true"),
        ("'a' == 0", "false"),
        ("'a' != 0", "true"),
        ("'a' < 'B'", "true"),
        ("2 < '10'", "true"),
        ("'x' < 1", "false"),
        ("'x' >= 1", "false"),
        ("fromJSON('[1]') == fromJSON('[1]')", "false"),
        // Operators return operands and bind in the usual order.
        ("'a' && 'b'", "b"),
        ("'' && 'b'", ""),
        ("'' || 'b'", "b"),
        ("'a' || 'b'", "a"),
        ("1 == 1 && 2 == 3 || 'end'", "end"),
        ("!('a' == 'A') || !false", "true"),
        ("'' || 0 || null", ""),
        // Functions.
        ("contains('Hello', 'ELL')", "true"),
        ("contains(fromJSON('[\"a\", 2]'), '2')", "true"),
        ("contains(fromJSON('[\"ab\"]'), 'a')", "false"),
        ("startsWith('Refs/x', 'refs/')", "true"),
        ("endsWith('a.RS', '.rs')", "true"),
        ("format('{0}-{1}-{0} {{}}', 'a', 1)", "a-1-a {}"),
        ("join(fromJSON('[1, \"b\", true]'))", "1,b,true"),
        ("join(fromJSON('[1, 2]'), '; ')", "1; 2"),
        ("toJSON('a\"b')", "\"a\\\"b\""),
        ("toJSON(fromJSON('{\"b\": [1], \"a\": {}}'))", "{\n  \"b\": [\n    1\n  ],\n  \"a\": {}\n}"),
        ("TOJSON(null)", "null"),
        // Access.
        ("fromJSON('{\"a\": {\"b\": [10, 20]}}').a.b[1]", "20"),
        ("fromJSON('{\"a\": 1}')['A']", "1"),
        ("fromJSON('[1]')[7]", ""),
        ("fromJSON('{\"x\": {\"v\": 1}, \"y\": {\"v\": 2}, \"z\": {}}').*.v[1]", "2"),
        ("env.HOME", "/root"),
        ("ENV.home", "/root"),
        ("env['no']", ""),
        ("env.no.such.thing", ""),
        ("needs.build.result", "success"),
        ("needs.lint.result", "failure"),
        ("needs.build.outputs.version", "1.2"),
        ("contains(needs.*.result, 'failure')", "true"),
        ("join(needs.*.outputs.version)", "1.2"),
        ("steps.fetch.outcome == 'failure' && steps.fetch.conclusion == 'success'", "true"),
        ("steps.fetch.outputs.path", "/tmp/x"),
        ("muster.run", "42"),
        ("muster.attempt + ''", "error: unexpected `+`"),
        ("muster.attempt", "2"),
        ("muster.shard", ""),
    ];
    for (expression, expected) in table {
        let found = interpolate(&format!("${{{{ {expression} }}}}"), &context());
        let found = found.unwrap_or_else(|error| format!("error: {error}"));
        assert_eq!(found, expected, "{expression}");
    }
}

#[test]
fn what_cannot_be_computed_is_an_error_with_its_place() {
    let table = [
        ("", "this expression is empty", ""),
        ("a b", "unknown context `a`", "a"),
        ("1 2", "expected an operator or the end of the expression, found `2`", "2"),
        ("(1", "expected `)`, found the end of the expression", ""),
        ("1 ==", "expected a value, found the end of the expression", ""),
        ("'open", "this text has no closing `'`", "'open"),
        ("env.X = 'a'", "unexpected `=`", "="),
        ("\"a\" == 'a'", "texts stand in single quotes, not in double ones", "\""),
        ("1x", "`1x` is not a number", "1x"),
        ("succes()", "unknown function `succes`", "succes"),
        ("success", "`success` is a function", "success"),
        ("contains('a')", "`contains` takes 2 arguments, found 1", "contains('a')"),
        ("always(1)", "`always` takes no arguments, found 1", "always(1)"),
        ("hashFiles('a')", "`hashFiles` is not supported yet", "hashFiles"),
        ("github.ref", "there is no context `github` in Muster", "github"),
        ("env.", "expected a name or `*` after `.`, found the end of the expression", ""),
        ("fromJSON('{')", "`fromJSON` was given a text that is not JSON", "fromJSON('{')"),
        ("format('{1}', 'a')", "the text of `format` names {1}, but 1 values follow it", "format('{1}', 'a')"),
        ("format('{', 'a')", "the text of `format` has a single brace", "format('{', 'a')"),
        ("matrix.os", "this uses `matrix`", "matrix.os"),
        ("é", "unexpected character 'é'", "é"),
    ];
    for (expression, message, part) in table {
        let error = evaluate_condition(expression, &context()).expect_err(expression);
        assert!(error.message.starts_with(message), "{expression}: {}", error.message);
        assert_eq!(&expression[error.place], part, "{expression}");
    }
}

#[test]
fn a_condition_implies_success_unless_it_asks_for_the_status() {
    let table = [
        // condition, after success, after failure, after cancellation
        ("true", true, false, false),
        ("env.HOME == '/root'", true, false, false),
        ("${{ env.HOME == '/root' }}", true, false, false),
        ("always()", true, true, true),
        ("!cancelled()", true, true, false),
        ("failure()", false, true, false),
        ("success() || failure()", true, true, false),
        ("failure() && env.HOME", false, true, false),
        ("'false'", true, false, false),
        ("0", false, false, false),
    ];
    for (condition, after_success, after_failure, after_cancellation) in table {
        for (status, expected) in [
            (Status::SUCCESS, after_success),
            (Status::FAILURE, after_failure),
            (Status::CANCELLED, after_cancellation),
        ] {
            let context = Context { status, ..context() };
            assert_eq!(evaluate_condition(condition, &context), Ok(expected), "{condition} with {status:?}");
        }
    }
}

#[test]
fn a_skipped_need_is_neither_success_nor_failure() {
    let status = Status::of_needs([Outcome::Passed, Outcome::Skipped]);
    assert_eq!((status.is_success, status.is_failure), (false, false));
    assert!(Status::of_needs([Outcome::Skipped, Outcome::Errored]).is_failure);
    assert_eq!(Status::of_needs([]), Status::SUCCESS);
}

#[test]
fn texts_keep_what_is_not_an_expression() {
    let table = [
        ("plain $HOME ${HOME} {{ }}", Ok("plain $HOME ${HOME} {{ }}")),
        ("a${{ 1 }}b${{ '}}' }}c", Ok("a1b}}c")),
        ("${{ '${{' }}", Ok("${{")),
        ("${{ env.HOME", Err("this `${{` has no closing `}}`")),
        ("x ${{ }} y", Err("this expression is empty")),
    ];
    for (text, expected) in table {
        let found = interpolate(text, &context());
        let found = found.as_deref().map_err(|error: &ExpressionError| error.message.as_str());
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_value_that_doubles_at_every_level_is_refused() {
    let mut expression = "'0123456789'".to_owned();
    for _ in 0..24 {
        expression = format!("format('{{0}}{{0}}{{0}}', {expression})");
    }
    let error = evaluate_condition(&expression, &context()).expect_err("3^24 times 10 bytes");
    assert!(error.message.contains("longer than"), "{error}");
    let deep = format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(evaluate_condition(&deep, &context()).is_err_and(|error| error.message.contains("nested too deeply")));
    let long = vec!["env.HOME"; 1_000].join(" && ");
    assert_eq!(evaluate_condition(&long, &context()), Ok(true));
}

proptest! {
    #[test]
    fn no_text_makes_the_language_panic(text in "[ a-z0-9'().,!=<>&|\\[\\]*${}\"é-]{0,60}") {
        let _ = evaluate_condition(&text, &context());
        let _ = interpolate(&text, &context());
    }

    #[test]
    fn what_is_printed_reads_back_and_computes_the_same(text in expression_text()) {
        let expression = parse(&text).expect("generated expressions are well formed");
        let again = parse(&print(&expression)).expect("a printed expression is well formed");
        prop_assert_eq!(print(&again), print(&expression));
        let value = fold(&expression, &context()).map(|folded| print(&folded));
        let value_again = fold(&again, &context()).map(|folded| print(&folded));
        prop_assert_eq!(value.is_ok(), value_again.is_ok());
        if let (Ok(value), Ok(value_again)) = (value, value_again) {
            prop_assert_eq!(value, value_again);
        }
    }
}

fn expression_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("env.HOME".to_owned()),
        Just("needs.*.result".to_owned()),
        Just("steps['fetch'].outputs.path".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        (-1e9..1e9f64).prop_map(|value| value.to_string()),
        "[a-zA-Z' {}]{0,6}".prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        prop_oneof![
            (inner.clone(), "==|!=|<|<=|>|>=|&&|\\|\\|", inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            inner.clone().prop_map(|inner| format!("!({inner})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("contains({a}, {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} && {b} || {a}")),
            inner.prop_map(|inner| format!("toJSON({inner})")),
        ]
    })
}

fn context() -> Context {
    let texts = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let need = |outcome, outputs: &[(&str, &str)]| NeedContext { outcome, outputs: texts(outputs) };
    let fetch =
        StepContext { outcome: Outcome::Failed, conclusion: Outcome::Passed, outputs: texts(&[("path", "/tmp/x")]) };
    Context {
        status: Status::SUCCESS,
        env: texts(&[("HOME", "/root")]),
        needs: [
            ("build".to_owned(), need(Outcome::Passed, &[("version", "1.2")])),
            ("lint".to_owned(), need(Outcome::TimedOut, &[])),
        ]
        .into(),
        steps: [("fetch".to_owned(), fetch)].into(),
        muster: MusterContext { run: Some(42), job: Some("unit".to_owned()), attempt: Some(2), shard: None },
    }
}
