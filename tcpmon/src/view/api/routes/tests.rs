use proptest::prelude::*;

use super::*;

fn parse(target: &str) -> Result<Question, BadQuestion> {
    match target.split_once('?') {
        Some((path, query)) => Question::parse(path, Some(query)),
        None => Question::parse(target, None),
    }
}

fn sentence(target: &str) -> String {
    parse(target).expect_err(target).to_string()
}

#[test]
fn a_plain_question_is_a_plain_path() {
    assert_eq!(Question::Summary.target(), "/v1/summary");
    let all = Question::Sockets(SocketsQuestion::default());
    assert_eq!(all.target(), "/v1/sockets");
    let events = |most| Question::Events(Filter::default(), most).target();
    assert_eq!(events(None), "/v1/events");
    assert_eq!(events(Some(9)), "/v1/events?most=9");
    assert_eq!(Question::Process(17).target(), "/v1/process?pid=17");
    assert!(matches!(
        parse("/v1/process?pid=17"),
        Ok(Question::Process(17))
    ));
    assert_eq!(Question::Listeners(5).target(), "/v1/listeners?limit=5");
    assert!(matches!(
        parse("/v1/listeners?limit=5"),
        Ok(Question::Listeners(5))
    ));
    assert!(matches!(
        parse("/v1/destinations"),
        Ok(Question::Destinations(DEFAULT_ROWS))
    ));
    assert!(matches!(
        parse("/v1/processes"),
        Ok(Question::Processes(None))
    ));
}

#[test]
fn what_people_write_is_understood() {
    for target in [
        "/v1/sockets?filter=state%20close-wait%20and%20dport%20=%20:443&sort=newest&limit=10",
        "/v1/sockets?limit=10&&sort=newest&filter=state+close-wait+and+dport+%3D+%3A443",
    ] {
        let Ok(Question::Sockets(question)) = parse(target) else {
            panic!("{target}");
        };
        let filter = question.filter.to_string();
        assert_eq!(filter, "state close-wait and dport = :443");
        assert_eq!((question.sort, question.limit), (Sort::Newest, Some(10)));
    }
}

#[test]
fn nothing_is_ignored() {
    for (target, expected) in [
        (
            "/",
            "there is nothing here; ask for /v1/summary, /v1/sockets, /v1/socket, \
             /v1/verdicts, /v1/events, /v1/endings, /v1/namespaces, /v1/listeners, \
             /v1/destinations, /v1/processes, /v1/process, /v1/picture or /v1/record",
        ),
        ("/v1/process", "pid is the number of a process, not \"\""),
        (
            "/v1/process?pid=-1",
            "pid is the number of a process, not \"-1\"",
        ),
        (
            "/v1/processes?pid=1",
            "there is no \"pid\"; choose by limit",
        ),
        (
            "/v1/summary?filter=",
            "nothing can be chosen here, not \"filter\" either",
        ),
        (
            "/v1/events?filters=pid=1",
            "there is no \"filters\"; choose by filter, most",
        ),
        (
            "/v1/record?filter=age+%3E+5m",
            recording::refuse(&"age > 5m".parse().unwrap()).unwrap(),
        ),
        (
            "/v1/sockets?sort=size",
            "sort is age or newest, not \"size\"",
        ),
        (
            "/v1/sockets?limit=-1",
            "limit is a number of rows, not \"-1\"",
        ),
        ("/v1/sockets?limit", "limit is a number of rows, not \"\""),
        ("/v1/sockets?limit=1&limit=2", "limit is there twice"),
        (
            "/v1/socket?cookie=x",
            "cookie is the number of a socket, as the rows of /v1/sockets have it",
        ),
        (
            "/v1/picture?sort=newest",
            "filter and sort are of sockets: say how many sockets",
        ),
        (
            "/v1/picture?processes=many",
            "processes is a number of rows, not \"many\"",
        ),
        (
            "/v1/sockets?filter=%ff",
            "the query is not UTF-8 behind its percent-escapes",
        ),
    ] {
        assert_eq!(sentence(target), expected);
    }
}

#[test]
fn a_filter_error_has_its_place() {
    let bad = parse("/v1/sockets?filter=pid+%3D+1+and+stat+x").expect_err("no filter");
    let refusal = Refusal::from(&bad);
    assert_eq!(refusal.position, Some(12));
    assert!(refusal.error.starts_with("filter: "), "{}", refusal.error);
}

fn question() -> impl Strategy<Value = SocketsQuestion> {
    let text = "(state (listening|close-wait)|pid > [0-9]{1,5}|unit ~ \"[a-z&=+%#? é]{1,9}\")";
    let sort = prop_oneof![Just(Sort::Age), Just(Sort::Newest)];
    let filter = text.prop_map(|text| text.parse().expect("a filter"));
    (filter, sort, any::<Option<usize>>()).prop_map(|(filter, sort, limit)| SocketsQuestion {
        filter,
        sort,
        limit,
    })
}

proptest! {
    #[test]
    fn what_is_sent_is_what_arrives(sent in question()) {
        let target = Question::Sockets(sent.clone()).target();
        let Ok(Question::Sockets(got)) = parse(&target) else {
            panic!("{target}");
        };
        prop_assert_eq!(got.filter, sent.filter.clone());
        prop_assert_eq!((got.sort, got.limit), (sent.sort, sent.limit));
        let most = sent.limit.and_then(|limit| u32::try_from(limit).ok());
        let target = Question::Events(sent.filter.clone(), most).target();
        let Ok(Question::Events(got, got_most)) = parse(&target) else {
            panic!("{target}");
        };
        prop_assert_eq!((got, got_most), (sent.filter.clone(), most));
        let target = Question::Record(sent.filter.clone()).target();
        match parse(&target) {
            Ok(Question::Record(got)) => prop_assert_eq!(got, sent.filter),
            _ => prop_assert!(sent.filter.changes_with_time()),
        }
    }

    #[test]
    fn a_picture_is_asked_for_as_it_is_wanted(
        question in proptest::option::of(question()),
        cookie in proptest::option::of(1u64..),
        (processes, listeners, destinations) in any::<(usize, Option<usize>, Option<usize>)>(),
        (namespaces, history) in any::<(bool, bool)>(),
    ) {
        let sockets = question.map(|question| SocketsQuestion {
            limit: Some(question.limit.unwrap_or(usize::MAX)),
            ..question
        });
        let socket = cookie.map(|cookie| SocketQuestion { cookie });
        let sent = Wants {
            sockets, socket, processes, listeners, destinations, namespaces, history,
        };
        let target = Question::Picture(Box::new(sent.clone())).target();
        let Ok(Question::Picture(got)) = parse(&target) else {
            panic!("{target}");
        };
        prop_assert_eq!(*got, sent);
    }

    #[test]
    fn any_target_is_a_question_or_an_error(query in ".{0,99}") {
        for path in [SUMMARY, SOCKETS, EVENTS, RECORD] {
            drop(Question::parse(path, Some(&query)));
        }
    }
}
