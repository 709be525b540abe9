use std::io::Cursor;

use proptest::prelude::*;
use tcpmon_common::record::flag;
use tcpmon_common::{Holder, Record, State};
use tokio::sync::oneshot;

use super::*;
use crate::core::query::{PastMoment, SocketQuestion, SocketsQuestion, Wants};
use crate::core::recording::tests::item;
use crate::core::recording::{
    Control, End, Ending, Frame, FrameKind, Header, Item, Packing, Playback, Speed, Tick, append,
    preamble,
};
use crate::core::table::Table;
use crate::core::table::plant::Signposts;
use crate::core::verdict::{Judge, Policy};
use crate::mailbox::Mailbox;
use crate::source::recording::Reader;

const SECOND: u64 = 1_000_000_000;
const SOCKETS: u64 = 50;

fn header() -> Header {
    Header {
        host: "web1".to_owned(),
        began_ns: 100 * SECOND,
        began_unix_ns: 1_767_323_045 * SECOND,
        agent_started_ns: 40 * SECOND,
        ..Header::default()
    }
}

fn record(number: u64, from: State, to: State, time_ns: u64) -> Record {
    Record {
        time_ns,
        sock: number,
        cookie: number,
        netns_cookie: 1,
        netns_inode: 4_026_531_840,
        inode: number,
        family: 2,
        local_port: 40_000 + number as u16,
        remote_port: 5432,
        flags: flag::HAS_SOCKET,
        old_state: from.number(),
        new_state: to.number(),
        ..Record::EMPTY
    }
}

fn holders() -> Vec<Holder> {
    let holder = |number| Holder {
        sock: number,
        cookie: number,
        inode: number,
        born_ns: 0,
        pid: 10,
        fd: 3,
        comm: *b"leaky\0\0\0\0\0\0\0\0\0\0\0",
    };
    (1..=SOCKETS).map(holder).collect()
}

/// What a table was told while connections were left in CLOSE_WAIT: at `100 s` they are there, known
/// from before; they stay, and one more comes each ten seconds.
fn leak(seconds: u64) -> Vec<Item> {
    let mut items = vec![Item::Planted {
        now_ns: 100 * SECOND,
    }];
    let open = [
        State::Close,
        State::SynSent,
        State::Established,
        State::CloseWait,
    ];
    for number in 1..=SOCKETS {
        let pairs = open.windows(2);
        let records = pairs.map(|pair| record(number, pair[0], pair[1], 100 * SECOND));
        items.extend(records.map(Item::Record));
    }
    items.push(Item::Holders {
        started_ns: 101 * SECOND,
        holders: holders(),
    });
    items.push(Item::HoldersEnded {
        started_ns: 101 * SECOND,
        by_inode: Vec::new(),
    });
    for second in 1..=seconds {
        items.push(Item::Tick(Tick {
            now_ns: (100 + second) * SECOND,
            unix_ns: (1_767_323_045 + second) * SECOND,
            ..Tick::default()
        }));
    }
    items
}

/// A file with these items, some to a frame.
fn file(items: &[Item]) -> Vec<u8> {
    let frame = |kind, to_ns, payload| Frame {
        kind,
        to_ns,
        payload,
    };
    let first = frame(FrameKind::Header, header().began_ns, header().payload());
    let mut bytes = [&preamble()[..], &first.to_bytes(Packing::Stored)].concat();
    for some in items.chunks(20) {
        let mut payload = Vec::new();
        for item in some {
            append(&mut payload, item).unwrap();
        }
        let to_ns = some.iter().filter_map(Item::time_ns).max().unwrap_or(0);
        bytes.extend(frame(FrameKind::Items, to_ns, payload).to_bytes(Packing::Deflate));
    }
    let end = End {
        reason: Ending::Stopped,
    };
    bytes.extend(frame(FrameKind::End, 0, end.payload()).to_bytes(Packing::Stored));
    bytes
}

fn tape(bytes: Vec<u8>) -> Tape<Cursor<Vec<u8>>> {
    Tape::new(Reader::open(Cursor::new(bytes)).unwrap())
}

fn all<R: std::io::Read + std::io::Seek>(tape: &mut Tape<R>) -> Vec<Item> {
    std::iter::from_fn(|| tape.next_until(u64::MAX)).collect()
}

#[test]
fn a_replay_has_the_verdict_that_its_agent_had() {
    let items = leak(90);
    // As the agent does it.
    let (mut table, mut judge) = (Table::new(), Judge::new(Policy::default()));
    for item in &items {
        match item {
            Item::Record(record) => drop(table.apply(record)),
            Item::Holders {
                started_ns,
                holders,
            } => table.set_holders(*started_ns, holders),
            Item::Tick(tick) => drop(judge.evaluate(&mut table, tick.now_ns)),
            _ => {}
        }
    }
    let live = judge.report(&table, None, 190 * SECOND);
    assert_eq!(live.verdicts.len(), 1, "{live:#?}");

    let mut tape = tape(file(&items));
    let mut world = World::new(tape.header().clone());
    for item in all(&mut tape) {
        world.apply(item);
    }
    assert_eq!(world.verdicts(), live);
    assert_eq!(world.summary().uptime_seconds, 150.0);
    fuzz::agrees(&world);
}

#[test]
fn what_a_table_knew_is_known_in_another() {
    let mut known = Table::new();
    for item in leak(0) {
        match item {
            Item::Record(record) => drop(known.apply(&record)),
            Item::Holders {
                started_ns,
                holders,
            } => known.set_holders(started_ns, &holders),
            _ => {}
        }
    }
    known.apply(&record(99, State::Close, State::Listen, 90 * SECOND));
    let mut closed = record(77, State::Close, State::SynSent, 91 * SECOND);
    known.apply(&closed);
    for (from, to) in [
        (State::SynSent, State::Established),
        (State::Established, State::FinWait1),
        (State::FinWait1, State::FinWait2),
        (State::FinWait2, State::Close),
    ] {
        closed = record(77, from, to, 95 * SECOND);
        closed.flags |= flag::FIN_SEEN;
        known.apply(&closed);
    }
    let mut other = Table::new();
    // A record that comes while the table is handed on: less than what is known.
    other.apply(&record(3, State::CloseWait, State::LastAck, 102 * SECOND));
    known.apply(&record(3, State::CloseWait, State::LastAck, 102 * SECOND));
    let mut signposts = Signposts::default();
    for namespace in known.known_namespaces() {
        other.plant_namespace(namespace);
    }
    let (ids, next) = known.sockets_from(0, 1000);
    assert_eq!(next, None);
    for id in ids {
        other.plant(&known.known_socket(id), &mut signposts);
    }
    other.planted();
    let question = SocketsQuestion::default();
    let now_ns = 110 * SECOND;
    let sorted = |table: &Table| {
        let mut rows = table.sockets(&question, now_ns).sockets;
        rows.sort_by_key(|row| row.cookie);
        rows
    };
    assert_eq!(sorted(&other), sorted(&known));
    let lives = |table: &Table| {
        let cookies = sorted(table).into_iter().filter_map(|row| row.cookie);
        let ids = cookies.map(|cookie| table.socket_with(cookie).expect("it is there"));
        ids.map(|id| table.steps(id)).collect::<Vec<_>>()
    };
    assert_eq!(lives(&other), lives(&known));
    assert!(
        lives(&other).iter().any(|steps| steps.len() == 5),
        "a whole life is among them"
    );
    assert_eq!(other.len(), 52);
    assert!(sorted(&other).iter().all(|row| !row.age_is_lower_bound));
    // And it goes on from there.
    let change = other
        .apply(&record(5, State::CloseWait, State::LastAck, now_ns))
        .unwrap();
    assert_eq!(change.duration_ns, Some(10 * SECOND));
    assert_eq!(other.totals().drift, known.totals().drift);
}

#[test]
fn a_recording_that_is_cut_off_anywhere_is_played_up_to_there() {
    let items = leak(3);
    let whole = file(&items);
    assert_eq!(all(&mut tape(whole.clone())), items);
    let mut longest = 0;
    for cut in 0..whole.len() {
        let Ok(reader) = Reader::open(Cursor::new(&whole[..cut])) else {
            assert_eq!(longest, 0, "at {cut}");
            continue;
        };
        let trouble = reader.trouble().expect("the end is missing").to_owned();
        assert!(trouble.starts_with("was cut off"), "at {cut}: {trouble}");
        let read = all(&mut Tape::new(reader));
        assert!(items.starts_with(&read), "at {cut}");
        assert!(read.len() >= longest, "at {cut}");
        longest = read.len();
    }
    assert_eq!(longest, items.len());
}

#[test]
fn a_damaged_recording_is_played_up_to_the_damage() {
    let items = leak(3);
    let whole = file(&items);
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        let Ok(reader) = Reader::open(Cursor::new(bytes)) else {
            continue;
        };
        assert!(reader.trouble().is_some(), "at {at}");
        let read = all(&mut Tape::new(reader));
        assert!(items.starts_with(&read), "at {at}");
    }
}

/// Identities from a few, so that what is told is about the same sockets again and again.
fn narrowed(mut item: Item) -> Item {
    match &mut item {
        Item::Record(record) => {
            record.sock %= 5;
            record.cookie %= 5;
            record.inode %= 5;
            (record.netns_cookie, record.netns_inode) = (record.netns_cookie % 2, 1);
            record.old_state %= 13;
            record.new_state %= 13;
            record.family = 2;
            record.local_address = [1; 16];
            record.pid %= 3;
        }
        Item::Socket(known) => {
            known.sock %= 5;
            known.cookie %= 5;
            known.netns.cookie %= 2;
            known.netns.inode = 1;
        }
        Item::Rows { netns, rows, .. } | Item::Listeners(netns, rows) => {
            (netns.cookie, netns.inode) = (netns.cookie % 2, 1);
            for row in rows {
                row.cookie %= 5;
                row.inode %= 5;
            }
        }
        Item::Swept { netns, .. } => (netns.cookie, netns.inode) = (netns.cookie % 2, 1),
        Item::Holders { holders, .. } => {
            for holder in holders {
                holder.sock %= 5;
                holder.cookie %= 5;
                holder.pid %= 3;
            }
        }
        Item::Processes(facts) => facts.iter_mut().for_each(|fact| fact.pid %= 3),
        _ => {}
    }
    item
}

proptest! {
    #[test]
    fn whatever_is_told_the_answers_agree(
        items in prop::collection::vec(item().prop_map(narrowed), 0..60),
        planted in 0usize..60,
    ) {
        let mut world = World::new(header());
        for (index, item) in items.into_iter().enumerate() {
            if index == planted {
                world.apply(Item::Planted { now_ns: 100 * SECOND });
            }
            world.apply(item);
        }
        fuzz::agrees(&world);
    }
}

#[test]
fn after_a_gap_no_audit_is_believed_that_began_before_it() {
    let mut world = World::new(header());
    for item in leak(1) {
        world.apply(item);
    }
    let audit = |world: &mut World, gap| {
        let netns = crate::core::facts::NetnsIdentity {
            cookie: 1,
            inode: 4_026_531_840,
        };
        world.apply(Item::Began {
            states: crate::core::facts::StateSet::LIVE,
            cookies: true,
        });
        if gap {
            world.apply(Item::Gap(17));
        }
        world.apply(Item::Swept {
            netns,
            started_ns: 150 * SECOND,
        });
        world.apply(Item::Ended {
            now_ns: 151 * SECOND,
            complete: true,
            problems: Vec::new(),
        });
    };
    audit(&mut world, true);
    assert_eq!(world.table().len() as u64, SOCKETS);
    assert!(world.summary().health.limits[0].contains("17 facts"));
    audit(&mut world, false);
    assert_eq!(
        world.table().len(),
        0,
        "the kernel has none of them any more"
    );
}

/// A player that runs, and how to ask it.
struct Show {
    mailbox: Mailbox,
    remote: Remote,
    _stop: oneshot::Sender<()>,
}

impl Show {
    fn start(items: &[Item], speed: Speed) -> Self {
        let (mailbox, letters) = Mailbox::new();
        let (player, remote) = Player::new(tape(file(items)), speed, letters);
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(player.run(async {
            drop(stopped.await);
        }));
        Self {
            mailbox,
            remote,
            _stop: stop,
        }
    }

    /// Waits until the recording is where it is wanted.
    async fn until(&self, is_it: impl Fn(&Playback) -> bool) -> Playback {
        self.timed(is_it).await.0
    }

    /// The same, and how many seconds of the paused clock that took.
    async fn timed(&self, is_it: impl Fn(&Playback) -> bool) -> (Playback, f64) {
        let mut looks = 0;
        loop {
            let playback = self.remote.playback();
            if is_it(&playback) {
                return (playback, f64::from(looks) / 100.0);
            }
            looks += 1;
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_played_paused_and_played_faster() {
    let show = Show::start(&leak(90), Speed::NATURAL);
    let (playback, passed) = show.timed(|it| it.position_ns >= 10 * SECOND).await;
    assert!((9.9..10.5).contains(&passed), "{passed}");
    assert_eq!(
        (playback.length_ns, playback.is_playing),
        (90 * SECOND, true)
    );
    assert_eq!(playback.clock, "2026-01-02T03:04:15Z");
    show.remote.ask(Control::Toggle);
    let paused = show.until(|it| !it.is_playing).await;
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(show.remote.playback().position_ns, paused.position_ns);
    for _ in 0..3 {
        show.remote.ask(Control::Faster);
    }
    show.remote.ask(Control::Toggle);
    let (end, passed) = show.timed(Playback::is_at_end).await;
    assert!((9.5..10.6).contains(&passed), "80 s at 8 times: {passed}");
    assert_eq!(
        (end.speed.to_string().as_str(), end.is_playing),
        ("8x", false)
    );
    assert_eq!(show.mailbox.verdicts().await.unwrap().verdicts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn seeking_goes_both_ways_and_answers_are_of_that_moment() {
    let show = Show::start(&leak(90), Speed::FASTEST);
    show.until(Playback::is_at_end).await;
    let judged = show.mailbox.verdicts().await.unwrap();
    assert_eq!(judged.verdicts.len(), 1);
    show.remote.ask(Control::Back(80));
    let there = show.until(|it| it.turns == 1 && !it.is_seeking).await;
    assert_eq!((there.position_ns, there.is_playing), (10 * SECOND, false));
    assert!(show.mailbox.verdicts().await.unwrap().verdicts.is_empty());
    let rows = show
        .mailbox
        .sockets(SocketsQuestion::default())
        .await
        .unwrap();
    assert_eq!(rows.sockets[0].age_seconds, 10.0);
    show.remote.ask(Control::Forward(1000));
    show.until(Playback::is_at_end).await;
    assert_eq!(show.mailbox.verdicts().await.unwrap(), judged);
    show.remote.ask(Control::Toggle);
    show.until(|it| it.turns == 2).await;
    show.until(Playback::is_at_end).await;
    assert_eq!(show.mailbox.verdicts().await.unwrap(), judged);
}

#[tokio::test(start_paused = true)]
async fn a_screen_is_told_all_of_one_moment_of_the_recording() {
    let show = Show::start(&leak(90), Speed::FASTEST);
    show.until(Playback::is_at_end).await;
    let wants = Wants {
        sockets: Some(SocketsQuestion::default()),
        socket: Some(SocketQuestion { cookie: 7 }),
        processes: 5,
        listeners: Some(5),
        destinations: Some(5),
        namespaces: true,
        history: true,
    };
    let end = show.mailbox.picture(wants.clone()).await.unwrap();
    assert_eq!(end.summary, show.mailbox.summary().await.unwrap());
    assert_eq!(end.verdicts, show.mailbox.verdicts().await.unwrap());
    assert_eq!(
        end.sockets.map(|sockets| sockets.sockets.len() as u64),
        Some(SOCKETS)
    );
    assert_eq!(end.processes.processes.len(), 1);
    assert!(end.listeners.is_some() && end.namespaces.is_some());
    assert_eq!(end.destinations.map(|it| it.total), Some(1));
    let ages = |picture: Option<Vec<PastMoment>>| {
        let moments = picture.expect("it was asked for").into_iter();
        moments.map(|it| it.age_seconds).collect::<Vec<_>>()
    };
    let second_by_second: Vec<f64> = (0..90).rev().map(f64::from).collect();
    assert_eq!(ages(end.history), second_by_second);
    let socket = end.socket.expect("it was asked for");
    assert_eq!(socket.socket.and_then(|row| row.cookie), Some(7));
    let last = socket.steps.last().expect("it was seen");
    assert_eq!((socket.steps.len(), last.to.as_str()), (3, "CLOSE_WAIT"));
    assert_eq!(last.time, "2026-01-02T03:04:05.000000000Z");
    assert_eq!((last.age_seconds, socket.transport), (90.0, None));

    show.remote.ask(Control::Back(80));
    show.until(|it| it.turns == 1 && !it.is_seeking).await;
    let before = show.mailbox.picture(wants).await.unwrap();
    assert_eq!(ages(before.history), second_by_second[80..]);
    let socket = before.socket.expect("it was asked for");
    assert_eq!(socket.steps[2].age_seconds, 10.0);
}

/// A recording that stays readable: when this fails, an item or a fact in one has changed, and
/// [`crate::core::recording::FORMAT`] has to. `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn a_recording_of_this_format_is_read_as_it_was_written() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings");
    for (name, items) in [("leak.rec", leak(90)), ("all.rec", sample())] {
        let path = std::path::Path::new(directory).join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(directory).unwrap();
            std::fs::write(&path, file(&items)).unwrap();
            write_corpora(name, &items[..items.len().min(60)]);
        }
        let bytes = std::fs::read(&path).unwrap();
        let mut tape = tape(bytes);
        assert_eq!(tape.header(), &header(), "{name}");
        assert_eq!(all(&mut tape), items, "{name}");
    }
}

/// What the fuzzer begins with: the same, shorter, and what is cut off in it.
fn write_corpora(name: &str, items: &[Item]) {
    let corpora = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus");
    let put = |corpus: &str, name: &str, bytes: &[u8]| {
        let directory = std::path::Path::new(corpora).join(corpus);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(name), bytes).unwrap();
    };
    let whole = file(items);
    put("recording", name, &whole);
    put(
        "recording",
        &format!("cut-{name}"),
        &whole[..whole.len() / 2],
    );
    put("recording", &format!("no-beginning-{name}"), &whole[..60]);
    let mut payload = Vec::new();
    for item in items {
        append(&mut payload, item).unwrap();
    }
    put("replay", name, &payload);
    put(
        "replay",
        &format!("cut-{name}"),
        &payload[..payload.len() / 2],
    );
    put("replay", &format!("no-item-{name}"), &[0xff, payload[0]]);
}

/// Every kind of item, each with something in every field that may be missing.
fn sample() -> Vec<Item> {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    // Always the same: the seed is part of the test.
    let mut runner = TestRunner::deterministic();
    let mut items: Vec<Item> = Vec::new();
    while items.len() < 80 {
        items.push(item().new_tree(&mut runner).unwrap().current());
    }
    items
}
