//! What users write: the canonical form of what is right, the sentence about what is wrong.

use crate::core::filter::Filter;
use crate::core::filter::parser::{KEYS, MAX_DEPTH};

/// What users write, and its canonical form.
const GOOD: &[(&str, &str)] = &[
    ("", ""),
    (" \t\n", ""),
    ("state close-wait", "state close-wait"),
    ("STATE = CLOSE_WAIT", "state close-wait"),
    ("state != FIN_WAIT1", "state != fin-wait-1"),
    ("exclude bucket", "state != bucket"),
    ("state all", "state all"),
    ("state close", "state closed"),
    ("state LISTEN", "state listening"),
    ("sport :443", "sport = :443"),
    ("sport 443", "sport = :443"),
    ("sport=:443", "sport = :443"),
    ("sport==443", "sport = :443"),
    ("sport eq 443", "sport = :443"),
    ("dport NEQ :443", "dport != :443"),
    ("dport>=1024", "dport >= :1024"),
    ("dport geq 1024", "dport >= :1024"),
    ("dport lt 1024", "dport < :1024"),
    ("dport le 1024 dport gt 5", "dport <= :1024 and dport > :5"),
    ("src 10.0.0.1", "src 10.0.0.1"),
    ("dst = 10/8", "dst 10.0.0.0/8"),
    ("dst != 193.233.7/24:80", "dst != 193.233.7.0/24:80"),
    ("dst :443", "dst :443"),
    ("dst '[::1]:443'", "dst [::1]:443"),
    ("dst [2001:db8::1]/32:443", "dst [2001:db8::/32]:443"),
    ("src ::ffff:10.0.0.1", "src 10.0.0.1"),
    ("proc nginx", "proc = nginx"),
    ("proc ~ 'worker process'", "proc ~ \"worker process\""),
    (
        "proc = \"and\" proc = 'lt'",
        "proc = \"and\" and proc = \"lt\"",
    ),
    ("proc = state", "proc = state"),
    ("proc = kworker/0:1", "proc = kworker/0:1"),
    ("proc != '\u{1b}[2J'", "proc != \"\\u{1b}[2J\""),
    ("pid = 5", "pid = 5"),
    ("pid > 100", "pid > 100"),
    ("unit = user@1000.service", "unit = user@1000.service"),
    ("unit = dev\\x2dsda.mount", "unit = dev\\x2dsda.mount"),
    ("container deadbeef", "container = deadbeef"),
    ("netns != net:[4026531840]", "netns != 4026531840"),
    ("netns lab", "netns = lab"),
    ("netns ~ 40", "netns ~ 40"),
    ("netns != '40'", "netns != \"40\""),
    ("netns 'net:[40]'", "netns = \"net:[40]\""),
    ("age > 5m", "age > 5m"),
    ("age >= 90", "age >= 1m30s"),
    ("age < 24h", "age < 1d"),
    ("age <= 1500ms", "age <= 1s500ms"),
    ("age > 0", "age > 0s"),
    ("pid 1 pid 2 or pid 3", "pid = 1 and pid = 2 or pid = 3"),
    ("pid 1 && pid 2 || pid 3", "pid = 1 and pid = 2 or pid = 3"),
    ("pid 1 & pid 2 | pid 3", "pid = 1 and pid = 2 or pid = 3"),
    ("pid 1 (pid 2 OR pid 3)", "pid = 1 and (pid = 2 or pid = 3)"),
    (
        "(pid 1 and pid 2) and pid 3",
        "(pid = 1 and pid = 2) and pid = 3",
    ),
    ("((pid 1))", "pid = 1"),
    ("!pid 1 pid 2", "not pid = 1 and pid = 2"),
    ("!(pid 1 pid 2)", "not (pid = 1 and pid = 2)"),
    ("not not !pid 1", "not not not pid = 1"),
    (
        "state closed or state listening",
        "state closed or state listening",
    ),
    (
        "exclude closed exclude listening",
        "state != closed and state != listening",
    ),
    (
        "state close-wait and dport = :443 and proc = nginx and age > 5m",
        "state close-wait and dport = :443 and proc = nginx and age > 5m",
    ),
];

/// Mistakes and the sentence about each; `KEYS` are all keys.
const BAD: &[(&str, &str)] = &[
    ("stat close-wait", "unknown key `stat` at position 1 (KEYS)"),
    (
        "close-wait",
        "unknown key `close-wait` at position 1 (did you mean: state close-wait)",
    ),
    (
        "state",
        "expected a state, found the end of the filter at position 6",
    ),
    (
        "state =",
        "expected a state, found the end of the filter at position 8",
    ),
    (
        "state foo",
        "unknown state `foo` at position 7 (states: listening, syn-sent, syn-recv, established, \
         fin-wait-1, fin-wait-2, closing, time-wait, close-wait, last-ack, \
         closed, all, connected, synchronized, bucket, big)",
    ),
    (
        "state < closed",
        "`state` cannot be compared with `<` at position 7 (operators: = !=)",
    ),
    (
        "state closed state listening",
        "a second `state` without `or` or `and` before it at position 14 (write: state A or state B)",
    ),
    (
        "exclude = closed",
        "expected a state, found `=` at position 9",
    ),
    (
        "sport",
        "expected a port, found the end of the filter at position 6",
    ),
    (
        "sport = :https",
        "a port must be a number, not `https` at position 10 (service names are not looked up: use the number)",
    ),
    (
        "sport https",
        "a port must be a number, not `https` at position 7 (service names are not looked up: use the number)",
    ),
    (
        "sport ~ 5",
        "`sport` cannot be compared with `~` at position 7 (operators: = != < <= > >=)",
    ),
    (
        "sport 70000",
        "port `70000` is out of range at position 7 (0 to 65535)",
    ),
    (
        "sport = 10.0.0.1:443",
        "expected a port, found `10.0.0.1:443` at position 9 (addresses are compared with src and dst)",
    ),
    ("sport = = 443", "expected a port, found `=` at position 9"),
    (
        "sport 443 and",
        "expected a condition, found the end of the filter at position 14 (KEYS)",
    ),
    (
        "sport 443 or or sport 80",
        "expected a condition, found `or` at position 14 (KEYS)",
    ),
    (
        "and sport 443",
        "expected a condition, found `and` at position 1 (KEYS)",
    ),
    ("sport 443)", "this `)` closes nothing at position 10"),
    ("(sport 443", "this `(` is not closed at position 1"),
    ("(sport 443 = 5)", "expected `)`, found `=` at position 12"),
    ("()", "expected a condition, found `)` at position 2 (KEYS)"),
    (
        "!",
        "expected a condition, found the end of the filter at position 2 (KEYS)",
    ),
    (
        "not",
        "expected a condition, found the end of the filter at position 4 (KEYS)",
    ),
    ("sport 443 443", "unknown key `443` at position 11 (KEYS)"),
    (
        "sport 443 'x'",
        "expected a condition, found `'x'` at position 11 (KEYS)",
    ),
    (
        "= 443",
        "expected a condition, found `=` at position 1 (KEYS)",
    ),
    (
        "dst",
        "expected an address, found the end of the filter at position 4",
    ),
    (
        "dst *",
        "expected an address or a port at position 5 (like 10.0.0.0/8, [::1]:443 or :443)",
    ),
    (
        "dst < 10/8",
        "`dst` cannot be compared with `<` at position 5 (operators: = !=)",
    ),
    (
        "dst ::1::80",
        "`::1::80` is not an address at position 5 (an IPv6 address with a port needs brackets: [::1]:443)",
    ),
    (
        "dst example.org:443",
        "`example.org:443` is not an address at position 5 (like \
         10.0.0.0/8, [::1]:443 or :443; host names are not looked up)",
    ),
    (
        "dst 10.0.0.0/33",
        "`33` is not a prefix length at position 14 (0 to 32)",
    ),
    (
        "dst 10.0.0.1:https",
        "a port must be a number, not `https` at position 14 (service names are not looked up: use the number)",
    ),
    (
        "dst 443",
        "`443` is not an address at position 5 (a port is written with a colon: :443)",
    ),
    (
        "proc = and",
        "expected a name, found `and` at position 8 (as a name this word needs quotes)",
    ),
    (
        "proc =",
        "expected a name, found the end of the filter at position 7",
    ),
    ("proc = \"\"", "a name cannot be empty at position 8"),
    ("proc = 'nginx", "this quote is not closed at position 8"),
    (
        "proc = 'a\\x2d'",
        "unknown escape `\\x` at position 10 (escapes: \\\\, \\', \\\", \\n, \\r, \\t, \\0 and \\u{hex})",
    ),
    ("proc !~ x", "expected a name, found `!` at position 6"),
    (
        "proc < x",
        "`proc` cannot be compared with `<` at position 6 (operators: = != ~)",
    ),
    ("proc my app", "unknown key `app` at position 9 (KEYS)"),
    (
        "pid abc",
        "a process id must be a number, not `abc` at position 5",
    ),
    (
        "pid -5",
        "a process id must be a number, not `-5` at position 5",
    ),
    (
        "pid 4294967296",
        "`4294967296` is too large for a process id at position 5 (0 to 4294967295)",
    ),
    (
        "netns 4294967296",
        "`4294967296` is too large for the inode of a namespace at position 7 (0 to 4294967295)",
    ),
    (
        "age 5m",
        "expected an operator after `age`, found `5m` at position 5 (operators: < <= > >=)",
    ),
    (
        "age = 5m",
        "`age` cannot be compared with `=` at position 5 (operators: < <= > >=)",
    ),
    (
        "age >",
        "expected a duration, found the end of the filter at position 6",
    ),
    (
        "age > 5x",
        "`5x` is not a duration at position 7 (like 30s, 5m, 1h30m, 250ms, 2d; units: d h m s ms us ns)",
    ),
    (
        "age > 1h30",
        "`1h30` is not a duration at position 9 (like 30s, 5m, 1h30m, 250ms, 2d; units: d h m s ms us ns)",
    ),
    (
        "age > 600y",
        "`600y` is not a duration at position 7 (like 30s, 5m, 1h30m, 250ms, 2d; units: d h m s ms us ns)",
    ),
    (
        "pid 1, pid 2",
        "a process id must be a number, not `1,` at position 5",
    ),
    ("größe 5", "unknown key `größe` at position 1 (KEYS)"),
    ("\u{1b}[31m", "unknown key `?[31m` at position 1 (KEYS)"),
    (
        "\"state\" closed",
        "expected a condition, found `\"state\"` at position 1 (KEYS)",
    ),
    ("pid 1 xor pid 2", "unknown key `xor` at position 7 (KEYS)"),
];

#[test]
fn good_inputs_have_a_canonical_form() {
    for (input, canonical) in GOOD {
        let filter: Filter = input.parse().unwrap_or_else(|e| panic!("{input}: {e}"));
        assert_eq!(filter.to_string(), *canonical, "{input}");
        assert_eq!(canonical.parse(), Ok(filter), "{input}");
    }
}

#[test]
fn bad_inputs_say_what_is_wrong_and_where() {
    for (input, sentence) in BAD {
        let error = input.parse::<Filter>().expect_err(input);
        let sentence = sentence.replace("KEYS", &format!("keys: {KEYS}"));
        assert_eq!(error.to_string(), format!("filter: {sentence}"), "{input}");
        let place = format!(
            " at position {}",
            1 + input[..error.position].chars().count()
        );
        assert!(sentence.contains(&place), "{input}");
    }
}

#[test]
fn an_empty_filter_is_the_default() {
    assert_eq!("".parse(), Ok(Filter::default()));
    assert!(Filter::default().is_empty());
}

#[test]
fn length_is_bounded() {
    let long = format!("proc {}", "a".repeat(4096));
    let error = long.parse::<Filter>().expect_err("too long");
    assert_eq!(error.position, 4096);
    assert_eq!(
        error.to_string(),
        "filter: the filter has 4101 bytes at position 4097 (at most 4096)"
    );
    let fits = "pid 1 ".repeat(4096 / 6);
    let error = fits
        .parse::<Filter>()
        .expect_err("too long when written out");
    assert_eq!(
        error.to_string(),
        "filter: the filter has 8179 bytes in its canonical form at position 1 (at most 4096)"
    );
    let wide = format!("proc '{}", "ü".repeat(4096));
    assert_eq!(wide.parse::<Filter>().expect_err("too long").position, 4096);
}

#[test]
fn depth_is_bounded() {
    for (open, close) in [("(", ")"), ("!", ""), ("not ", "")] {
        let nested = |depth| format!("{}pid 1{}", open.repeat(depth), close.repeat(depth));
        nested(MAX_DEPTH).parse::<Filter>().expect(open);
        let error = nested(MAX_DEPTH + 1).parse::<Filter>().expect_err(open);
        assert_eq!(error.position, MAX_DEPTH * open.len());
        assert!(error.message.starts_with("more than 64"), "{error}");
        nested(4000 / open.len()).parse::<Filter>().expect_err(open);
    }
    // Side by side is no nesting.
    let flat = "(pid 1)".repeat(300);
    flat.parse::<Filter>().expect("flat");
}

#[test]
fn the_picture_points_at_the_mistake() {
    let input = "state close-wait and dprot = :443";
    let error = input.parse::<Filter>().expect_err(input);
    assert_eq!(
        error.picture(input),
        "state close-wait and dprot = :443\n                     ^"
    );
}

#[test]
fn a_filter_is_a_string_in_json() {
    let filter: Filter = serde_json::from_str(r#""pid 1""#).expect("a filter");
    assert_eq!(
        serde_json::to_string(&filter).expect("json"),
        r#""pid = 1""#
    );
    let error = serde_json::from_str::<Filter>(r#""stat x""#).expect_err("no filter");
    assert!(error.to_string().contains("unknown key `stat`"), "{error}");
}
