use proptest::prelude::*;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

fn holds(selector: &str, pairs: &[(&str, &str)]) -> bool {
    Selector::parse(selector)
        .unwrap_or_else(|error| panic!("{selector}: {error}"))
        .matches(&labels(pairs))
}

#[test]
fn absent_labels_are_other_values() {
    for (selector, of_none, of_x, of_y) in [
        ("a == 'x'", false, true, false),
        ("a != 'x'", true, false, true),
        ("!a == 'x'", true, false, true),
        ("!!a == 'x'", false, true, false),
        ("has(a)", false, true, true),
        ("!has(a)", true, false, false),
        ("a in {'x'}", false, true, false),
        ("!a in {\"x\"}", true, false, true),
        ("a not in {'x'}", true, false, true),
        ("a in {}", false, false, false),
        ("a not in {}", true, true, true),
        ("a contains ''", false, true, true),
        ("a starts with 'x'", false, true, false),
        ("!a ends with 'x'", true, false, true),
        ("all()", true, true, true),
        ("global()", true, true, true),
        ("!all()", false, false, false),
        ("", true, true, true),
        (" \t", true, true, true),
    ] {
        assert_eq!(holds(selector, &[]), of_none, "{selector} of nothing");
        assert_eq!(holds(selector, &[("a", "x")]), of_x, "{selector} of a=x");
        assert_eq!(holds(selector, &[("a", "y"), ("b", "x")]), of_y, "{selector} of a=y");
    }
}

#[test]
fn and_binds_closer_than_or_and_not_binds_one_operand() {
    let selector = "has(a)&&!has(b)||c=='1'";
    let canonical = "((has(a) && !has(b)) || c == \"1\")";
    assert_eq!(Selector::parse(selector).unwrap().to_string(), canonical);
    assert!(holds(selector, &[("a", "")]));
    assert!(!holds(selector, &[("a", ""), ("b", "")]));
    assert!(holds(selector, &[("b", ""), ("c", "1")]));
    assert!(holds("has(a) && (has(b) || has(c))", &[("a", ""), ("c", "")]));
    assert!(!holds("has(a) && (has(b) || has(c))", &[("c", "")]));
    assert!(holds("!(has(a) || has(b))", &[("c", "")]));
}

#[test]
fn tests_are_of_octets_and_of_case() {
    let zone = &[("zone", "eu-West-1ä")];
    assert!(holds("zone contains 'West'", zone));
    assert!(!holds("zone contains 'west'", zone));
    assert!(holds("zone starts with \"eu-\"", zone));
    assert!(holds("zone ends with 'ä'", zone));
    assert!(!holds("Zone == 'eu-West-1ä'", zone));
}

#[test]
fn the_canonical_form_is_calicos() {
    for (written, canonical) in [
        ("", "all()"),
        ("all( )", "all()"),
        ("global(\t)", "global()"),
        ("has( a.b/c-d_e )", "has(a.b/c-d_e)"),
        ("a=='1'", "a == \"1\""),
        ("a == 'it\"s'", "a == 'it\"s'"),
        ("a == \"it's\"", "a == \"it's\""),
        ("a startswith 'x'", "a starts with \"x\""),
        ("a starts\twith 'x'", "a starts with \"x\""),
        ("a endswith 'x'", "a ends with \"x\""),
        ("a notin {'x'}", "a not in { \"x\" }"),
        ("a not \t in{'y','x','y',}", "a not in { \"x\", \"y\" }"),
        ("a in {}", "a in {}"),
        ("a in {\"x\",}", "a in { \"x\" }"),
        ("((has(a)))", "has(a)"),
        ("!!!has(a)", "!has(a)"),
        ("!(!has(a))", "has(a)"),
        ("a == '1' && !has(b)", "(a == \"1\" && !has(b))"),
        ("has(a) && has(b) && has(c)", "(has(a) && has(b) && has(c))"),
        ("(has(a) && has(b)) && has(c)", "((has(a) && has(b)) && has(c))"),
        // Words are labels where a label stands.
        ("contains contains 'x'", "contains contains \"x\""),
        ("in in {'x'}", "in in { \"x\" }"),
        ("all == 'x'", "all == \"x\""),
        ("has != 'x'", "has != \"x\""),
        ("not not in {}", "not not in {}"),
        ("has(has)", "has(has)"),
        ("-/. == ''", "-/. == \"\""),
    ] {
        let selector = Selector::parse(written).unwrap_or_else(|e| panic!("{written}: {e}"));
        assert_eq!(selector.to_string(), canonical, "{written}");
        assert_eq!(Selector::parse(canonical).unwrap(), selector, "{written}");
    }
}

/// Selectors as JSON has texts, each with what is told of it in the line below.
const ERRORS: &str = include_str!("tests/errors.txt");

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let lines: Vec<&str> = ERRORS.lines().collect();
    assert!(lines.len() >= 48);
    for pair in lines.chunks(2) {
        let written: String = serde_json::from_str(pair[0]).unwrap();
        let error = Selector::parse(&written).expect_err(&written);
        assert_eq!(error.to_string(), pair[1].trim_start(), "{written}");
    }
}

#[test]
fn names_and_nesting_have_bounds() {
    let name = |length| "a".repeat(length);
    assert!(Selector::parse(&format!("has({})", name(512))).is_ok());
    assert!(Selector::parse(&format!("has({})", name(513))).is_err());
    assert!(Selector::parse(&format!("{} == ''", name(513))).is_err());
    let nested = |depth| format!("{}has(a){}", "(".repeat(depth), ")".repeat(depth));
    assert!(Selector::parse(&nested(NESTING_MAX)).is_ok());
    let error = Selector::parse(&nested(NESTING_MAX + 1)).unwrap_err();
    assert_eq!(error.expected, format!("at most {NESTING_MAX} parentheses inside of each other"));
    // Negations are counted, not nested.
    assert!(Selector::parse(&format!("{}has(a)", "!".repeat(100_000))).is_ok());
}

/// What Calico's grammar can say; operands of `Not` are none, and sets are in order.
fn expressions() -> impl Strategy<Value = Expression> {
    let key = || "[A-Za-z0-9_./-]{1,8}".prop_map(String::into_boxed_str);
    // No value can hold both kinds of quotes.
    let value = || prop_oneof!["[^\"]{0,6}", "[^']{0,6}"].prop_map(String::into_boxed_str);
    let values = || {
        prop::collection::btree_set(value(), 0..4)
            .prop_map(|set| set.into_iter().collect::<Box<[_]>>())
    };
    let leaf = prop_oneof![
        Just(Expression::All),
        Just(Expression::Global),
        key().prop_map(Expression::Has),
        (key(), value()).prop_map(|(k, v)| Expression::Equal(k, v)),
        (key(), value()).prop_map(|(k, v)| Expression::NotEqual(k, v)),
        (key(), value()).prop_map(|(k, v)| Expression::Contains(k, v)),
        (key(), value()).prop_map(|(k, v)| Expression::StartsWith(k, v)),
        (key(), value()).prop_map(|(k, v)| Expression::EndsWith(k, v)),
        (key(), values()).prop_map(|(k, v)| Expression::In(k, v)),
        (key(), values()).prop_map(|(k, v)| Expression::NotIn(k, v)),
    ];
    leaf.prop_recursive(6, 40, 4, |inner| {
        let operands =
            || prop::collection::vec(inner.clone(), 2..4).prop_map(Vec::into_boxed_slice);
        prop_oneof![
            inner.clone().prop_map(|operand| match operand {
                Expression::Not(inner) => *inner,
                operand => Expression::Not(Box::new(operand)),
            }),
            operands().prop_map(Expression::And),
            operands().prop_map(Expression::Or),
        ]
    })
}

/// The words and signs of the language, and what is near to them.
fn soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "has(", "all(", "global(", ")", "(", "!", "&&", "||", "&", "|", "==", "!=", "=", "in",
        "not", "notin", "contains", "starts", "with", "ends", "{", "}", ",", "'x'", "\"y\"", "'",
        "\"", " ", "\t", "\n", "a", "b.c/d", "ä", "\0",
    ]);
    prop::collection::vec(words, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_is_printed_reads_back_the_same(expression in expressions()) {
        let printed = expression.to_string();
        let read = Selector::parse(&printed).map_err(|error| {
            TestCaseError::fail(format!("{printed}: {error}"))
        })?;
        prop_assert_eq!(read.expression(), &expression, "{}", printed);
        prop_assert_eq!(read.to_string(), printed);
    }

    #[test]
    fn negation_turns_every_answer(
        expression in expressions(),
        pairs in prop::collection::vec(("[A-Za-z]{1,2}", "[^\"]{0,3}"), 0..6),
    ) {
        let labels: Labels = pairs.into_iter().collect();
        let selector = Selector::parse(&expression.to_string()).unwrap();
        let negated = Selector::parse(&format!("!({selector})")).unwrap();
        prop_assert_ne!(selector.matches(&labels), negated.matches(&labels));
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..64)) {
        let text = String::from_utf8_lossy(&octets);
        if let Err(error) = Selector::parse(&text) {
            prop_assert!(error.at <= text.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn any_words_are_read_or_refused_and_what_is_read_is_stable(text in soup()) {
        match Selector::parse(&text) {
            Ok(selector) => {
                let printed = selector.to_string();
                let again = Selector::parse(&printed);
                prop_assert_eq!(again, Ok(selector), "{} from {}", printed, text);
            }
            Err(error) => prop_assert!(text.is_char_boundary(error.at), "{error}"),
        }
    }
}
