//! Verdicts on real programs: servers, clients and networks that go wrong in the usual ways are named,
//! healthy ones are not.
//!
//! Trouble takes its time to show, so all scenes are played at once, before one agent with the defaults
//! of production. Each has a namespace of its own, and says what may be said of that namespace: a
//! verdict of another kind at any moment fails it.

mod codes;
mod floods;
mod healthy;
mod leaks;
mod load;
mod network;
mod ports;
mod program;
mod stage;
mod stuck;

use std::env;
use std::thread;

use crate::place::{in_inner_namespace, in_namespace};

use stage::{Scene, Stage};

/// Plays the scenes whose names have this in them alone.
const ONLY: &str = "TCPMON_VERDICTS_ONLY";
/// Plays the long scenes too, when it is 1.
const LONG: &str = "TCPMON_VERDICTS_LONG";

type Play = fn(&Scene<'_>);

const SCENES: &[(&str, Play)] = &[
    (
        "threads that forget close(), until no file is left",
        leaks::until_no_file_is_left,
    ),
    ("asyncio that forgets close()", leaks::asyncio),
    ("handlers that wait for ever", leaks::blocked_handlers),
    ("an upstream of nginx that forgets close()", leaks::upstream),
    (
        "an upstream of nginx with keep-alive that forgets close()",
        leaks::upstream_with_keepalive,
    ),
    ("one of eight workers forgets close()", leaks::one_worker),
    ("tcpmon diagnose without an agent", leaks::without_an_agent),
    (
        "a server that stops accepting, peers stay",
        stuck::deaf_to_peers_that_stay,
    ),
    (
        "a server that stops accepting, peers hang up",
        stuck::deaf_to_peers_that_hang_up,
    ),
    (
        "a server that stops accepting, its queue is full",
        stuck::deaf_with_a_full_queue,
    ),
    ("a peer that falls silent", stuck::dead_peer),
    ("a peer that is not there", stuck::nobody_answers),
    ("ports that run out slowly", ports::slowly),
    ("ports that ran out at once", ports::at_once),
    ("a SYN flood", floods::of_syns),
    ("a burst of real clients", floods::of_clients),
    ("nginx and wrk", healthy::nginx_and_wrk),
];

const LONG_SCENES: &[(&str, Play)] = &[
    ("long: threads leak five in a second", leaks::long_threads),
    ("long: asyncio leaks five in a second", leaks::long_asyncio),
];

#[test]
fn what_is_wrong_is_named_and_what_is_well_is_not() {
    let only = env::var(ONLY).unwrap_or_default();
    let is_long = env::var(LONG).is_ok_and(|long| long == "1");
    let long = if is_long { LONG_SCENES } else { &[] };
    let scenes = SCENES.iter().chain(long);
    let played: Vec<_> = scenes.filter(|(name, _)| name.contains(&only)).collect();
    assert!(!played.is_empty(), "{ONLY}: no scene is called {only}");
    in_namespace(|_| {
        let stage = Stage::open();
        let failed = play(&stage, &played);
        assert!(
            failed.is_empty(),
            "failed, see above: {failed:#?}; {}",
            stage.circumstances()
        );
    });
}

/// Plays the scenes at once; returns the names of those that failed.
fn play<'a>(stage: &Stage, scenes: &[&'a (&'a str, Play)]) -> Vec<&'a str> {
    thread::scope(|scope| {
        let playing: Vec<_> = scenes
            .iter()
            .map(|(name, play)| {
                let thread = thread::Builder::new().name((*name).to_owned());
                let playing = thread.spawn_scoped(scope, move || {
                    in_inner_namespace(|namespace| {
                        play(&Scene::new(stage, name, namespace.0.inode))
                    });
                });
                (*name, playing.expect("a thread"))
            })
            .collect();
        let outcomes = playing.into_iter();
        outcomes
            .filter_map(|(name, playing)| playing.join().is_err().then_some(name))
            .collect()
    })
}
