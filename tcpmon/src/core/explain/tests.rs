//! Everything has its text, every text its thing, and what is to be typed can be typed.

use super::*;
use crate::core::filter::Filter;
use crate::core::fsm::EDGES;
use crate::core::verdict::Kind;

/// Every text of a page, and the commands in it.
fn texts(topic: Topic) -> (Vec<&'static str>, Vec<Command>) {
    let (mut texts, files, commands, actions): (Vec<_>, &[&str], &[Command], _) = match topic {
        Topic::State(page) => (
            vec![
                page.rfc_name,
                page.meaning,
                page.rfc,
                page.linux,
                page.in_ss,
                page.listing,
                page.piles_up,
            ],
            page.kernel_files,
            page.listed_by,
            page.actions,
        ),
        Topic::Edge(page) => (
            vec![page.cause, page.context, page.shown, page.kernel],
            &[],
            &[],
            [].as_slice(),
        ),
        Topic::Ending(page) => (vec![page.meaning, page.told_by], &[], &[], page.actions),
        Topic::Verdict(page) => (
            vec![page.meaning, page.linux, page.why, page.mistaken_for],
            page.kernel_files,
            page.seen_by,
            page.actions,
        ),
    };
    if let Topic::State(page) = topic {
        texts.extend(
            page.variants
                .iter()
                .flat_map(|variant| [variant.name, variant.text]),
        );
    }
    texts.extend(files);
    texts.extend(actions.iter().map(|action| action.what));
    let given = actions.iter().flat_map(|action| action.commands);
    (texts, commands.iter().chain(given).copied().collect())
}

#[test]
fn every_thing_has_its_page_and_every_page_its_thing() {
    for name in State::ALL {
        assert_eq!(state(name).state, name.folded());
    }
    for name in Ending::ALL {
        assert_eq!(ending(name).ending, name);
    }
    for known in EDGES {
        let name = edge_name(known.from, known.to);
        let pages = edges().filter(|page| page.from == known.from && page.to == known.to);
        assert_eq!(pages.count(), 1, "{name} has one page");
    }
    for page in edges() {
        assert_ne!(
            page.edge().origin,
            Origin::Unknown,
            "{} is an edge",
            page.name()
        );
    }
    let names: Vec<&str> = verdicts().iter().map(|page| page.name).collect();
    assert_eq!(names, Kind::ALL.map(Kind::name));
}

#[test]
fn every_part_is_there_and_says_something() {
    for topic in Topic::all() {
        let name = topic.name();
        let (texts, commands) = texts(topic);
        for text in texts {
            assert!(!text.is_empty() && text == text.trim(), "{name}: {text:?}");
            assert!(
                text.bytes().all(|b| matches!(b, b' '..=b'~')),
                "{name}: {text:?}"
            );
            assert!(!text.contains("  "), "{name}: a run of blanks in {text:?}");
        }
        for command in commands {
            assert!(
                !command.run.is_empty() && !command.run.contains('\n'),
                "{name}"
            );
        }
        match topic {
            Topic::State(page) => {
                assert!(
                    !page.kernel_files.is_empty() && !page.listed_by.is_empty(),
                    "{name}"
                );
                assert!(!page.actions.is_empty(), "{name}");
                assert!(page.rfc.starts_with("RFC 9293 section"), "{name}");
            }
            Topic::Edge(page) => {
                assert!(page.kernel.contains("net/ipv4/") || page.from == State::Listen)
            }
            Topic::Ending(page) => assert!(!page.actions.is_empty(), "{name}"),
            Topic::Verdict(page) => {
                assert!(
                    !page.kernel_files.is_empty() && !page.seen_by.is_empty(),
                    "{name}"
                );
                assert!(!page.actions.is_empty(), "{name}");
            }
        }
    }
}

#[test]
fn sentences_are_short() {
    const MOST_WORDS: usize = 45;
    for topic in Topic::all() {
        for text in texts(topic).0 {
            for sentence in text.split(". ") {
                let words = sentence.split(' ').count();
                assert!(
                    words <= MOST_WORDS,
                    "{}: {words} words: {sentence}",
                    topic.name()
                );
            }
        }
    }
}

#[test]
fn what_changes_something_says_what_it_may_break() {
    for topic in Topic::all() {
        for command in texts(topic).1 {
            let changes = [
                "sysctl -w",
                "ss -tK",
                "kill ",
                "systemctl restart",
                "prlimit",
                "strace",
                "gdb",
            ];
            // Without -t other protocols' sockets are destroyed, too.
            assert!(!command.run.contains("ss -K"), "{}", topic.name());
            let is_change = changes.iter().any(|word| command.run.contains(word));
            assert_eq!(
                is_change,
                command.risk.is_some(),
                "{}: {}",
                topic.name(),
                command.run
            );
        }
    }
}

#[test]
fn filters_given_as_examples_can_be_read() {
    let mut read = 0;
    for topic in Topic::all() {
        for command in texts(topic).1 {
            let Some(rest) = command.run.strip_prefix("tcpmon ls '") else {
                continue;
            };
            let (filter, _) = rest.split_once('\'').expect("a closing quote");
            let filter = filter.replace("PEER", "192.0.2.1").replace("PORT", "443");
            filter
                .parse::<Filter>()
                .unwrap_or_else(|error| panic!("{}: {error}", command.run));
            read += 1;
        }
    }
    assert!(read > 10, "only {read}");
}

#[test]
fn a_page_referred_to_exists() {
    for topic in Topic::all() {
        for text in texts(topic).0 {
            for (at, mark) in text.match_indices("`tcpmon explain ") {
                let rest = &text[at + mark.len()..];
                let (name, _) = rest.split_once('`').expect("a closing quote");
                Topic::parse(name).unwrap_or_else(|error| panic!("{text}: {error}"));
            }
        }
    }
}

#[test]
fn every_name_that_is_printed_can_be_asked_for() {
    for topic in Topic::all() {
        let asked = format!("{} {}", topic.kind(), topic.name());
        let found = Topic::parse(&asked).expect("its own name");
        assert_eq!((found.kind(), found.name()), (topic.kind(), topic.name()));
        let found = Topic::parse(&topic.name()).expect("its own name");
        assert_eq!(found.name().to_lowercase(), topic.name().to_lowercase());
    }
}

#[test]
fn spellings() {
    for (text, kind, name) in [
        ("close-wait", "state", "CLOSE_WAIT"),
        ("CLOSE_WAIT", "state", "CLOSE_WAIT"),
        ("CLOSEWAIT", "state", "CLOSE_WAIT"),
        ("close wait", "state", "CLOSE_WAIT"),
        ("TCP_CLOSE_WAIT", "state", "CLOSE_WAIT"),
        ("SYN-RECEIVED", "state", "SYN_RECV"),
        ("SYN_RCVD", "state", "SYN_RECV"),
        ("new-syn-recv", "state", "SYN_RECV"),
        ("estab", "state", "ESTABLISHED"),
        ("listening", "state", "LISTEN"),
        ("closed", "state", "CLOSE"),
        ("UNCONN", "state", "CLOSE"),
        ("FIN-WAIT-1", "state", "FIN_WAIT1"),
        ("fin_wait_2", "state", "FIN_WAIT2"),
        ("time-wait", "state", "TIME_WAIT"),
        ("ending time-wait", "ending", "time_wait"),
        ("ending:time_wait", "ending", "time_wait"),
        ("FIN_WAIT2->TIME_WAIT", "edge", "FIN_WAIT2 -> TIME_WAIT"),
        (
            "FIN_WAIT2 \u{2192} TIME_WAIT",
            "edge",
            "FIN_WAIT2 -> TIME_WAIT",
        ),
        ("fin-wait-2,time-wait", "edge", "FIN_WAIT2 -> TIME_WAIT"),
        ("fin wait 2 to time wait", "edge", "FIN_WAIT2 -> TIME_WAIT"),
        ("estab close-wait", "edge", "ESTABLISHED -> CLOSE_WAIT"),
        ("listen-->syn-received", "edge", "LISTEN -> SYN_RECV"),
        ("LISTEN -> NEW_SYN_RECV", "edge", "LISTEN -> NEW_SYN_RECV"),
        ("fin-wait-2 -> fin-wait-2", "edge", "FIN_WAIT2 -> FIN_WAIT2"),
        ("close-wait-leak", "verdict", "close_wait_leak"),
        ("HALF_DEAD", "verdict", "half_dead"),
        ("no-port", "ending", "no_port"),
        (" reset ", "ending", "reset"),
    ] {
        let topic = Topic::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            (topic.kind(), topic.name().as_str()),
            (kind, name),
            "{text}"
        );
    }
}

#[test]
fn every_state_the_filter_reads_can_be_explained() {
    for name in State::RFC {
        for word in [name.name(), name.ss_name(), state(name).rfc_name] {
            let _: Filter = format!("state {word}")
                .parse()
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(Topic::parse(word).expect("a state").name(), name.name());
        }
    }
}

#[test]
fn unknown_words_are_answered_with_the_nearest() {
    for (text, part) in [
        ("close-wit", "CLOSE_WAIT"),
        ("tiem_wait", "TIME_WAIT"),
        ("syn-flod", "syn_flood"),
        ("zzz", "`tcpmon explain` lists"),
        ("", "`tcpmon explain` lists"),
        ("TIME_WAIT -> LISTEN", "from TIME_WAIT lead: CLOSE"),
        ("LISTEN -> LISTEN", "no edge"),
    ] {
        let message = Topic::parse(text).expect_err(text).to_string();
        assert!(message.contains(part), "{message}");
    }
    let long = "x".repeat(5000);
    assert!(Topic::parse(&long).expect_err("unknown").to_string().len() < 200);
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_topic_or_an_error(text in "\\PC{0,40}") {
        if let Err(error) = Topic::parse(&text) {
            proptest::prop_assert!(!error.to_string().is_empty());
        }
    }
}
