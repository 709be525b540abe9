use proptest::prelude::*;
use tcpmon_common::record::RECORD_VERSION;
use tcpmon_common::{Holder, Record, State};

use super::*;
use crate::core::facts::{
    DumpRow, DumpTime, Kind as SocketKind, MachineFact, NamespaceFact, NamespaceLimits,
    NetnsIdentity, PortRange, Presence, ProcessFact, StateSet, Timer,
};
use crate::core::netns::{NameSource, NetnsName, Search};
use crate::core::query::{OwnerSource, Role};
use crate::core::table::plant::{Ground, KnownNamespace, KnownOwner, KnownSocket};
use crate::core::table::{Details, Past};
use crate::core::tuple::{Family, Tuple};
use crate::core::verdict::thresholds::Scope;
use crate::core::verdict::{Kind, Policy};

fn time() -> impl Strategy<Value = u64> {
    0..=MAX_TIME_NS
}

fn netns() -> impl Strategy<Value = NetnsIdentity> {
    any::<(u64, u32)>().prop_map(|(cookie, inode)| NetnsIdentity { cookie, inode })
}

fn state() -> impl Strategy<Value = State> {
    let of_sockets = State::ALL
        .into_iter()
        .filter(|state| *state != State::Close);
    prop::sample::select(of_sockets.collect::<Vec<_>>())
}

fn tuple() -> impl Strategy<Value = Tuple> {
    let family = prop::sample::select(&[Family::Ipv4, Family::Ipv6][..]);
    let ends = any::<(u16, u16, [u8; 16], [u8; 16])>();
    (family, ends).prop_map(|(family, (local_port, remote_port, local, remote))| Tuple {
        family,
        local_port,
        remote_port,
        local,
        remote,
    })
}

fn kind() -> impl Strategy<Value = SocketKind> {
    prop::sample::select(&[SocketKind::Full, SocketKind::Minisock, SocketKind::Request][..])
}

fn record() -> impl Strategy<Value = Record> {
    let numbers = any::<([u64; 5], [u32; 4], [u16; 3], [u8; 5])>();
    let bytes = any::<[[u8; 16]; 3]>();
    (time(), numbers, bytes).prop_map(|(time_ns, (wide, words, halves, small), bytes)| Record {
        time_ns,
        sock: wide[0],
        cookie: wide[1],
        netns_cookie: wide[2],
        cgroup_id: wide[3],
        inode: wide[4],
        netns_inode: words[0],
        minisocks: words[1],
        pid: words[2],
        tid: words[3],
        local_port: halves[0],
        remote_port: halves[1],
        error: halves[2],
        family: small[0],
        old_state: small[1],
        new_state: small[2],
        shutdown: small[3],
        flags: small[4],
        version: RECORD_VERSION,
        reserved: 0,
        local_address: bytes[0],
        remote_address: bytes[1],
        comm: bytes[2],
    })
}

fn row() -> impl Strategy<Value = DumpRow> {
    let words = any::<(u64, u64, [u32; 3], u8)>();
    let some = any::<(Option<u32>, Option<u32>, Option<u32>)>();
    let timer = prop::sample::select(&[Timer::None, Timer::Retransmit, Timer::ZeroWindowProbe][..]);
    let expires_ms = 0..=i32::MAX as u32;
    (state(), kind(), tuple(), words, some, timer, expires_ms).prop_map(
        |(
            state,
            kind,
            tuple,
            (cookie, cgroup, [inode, uid, recv_queue], unanswered),
            some,
            timer,
            expires_ms,
        )| {
            DumpRow {
                cookie,
                state,
                kind,
                tuple,
                inode,
                uid,
                recv_queue,
                send_queue: some.0,
                expires_ms,
                timer,
                unanswered,
                cgroup,
                drops: some.1,
                last_ack_ms: some.2,
            }
        },
    )
}

fn holder() -> impl Strategy<Value = Holder> {
    any::<([u64; 4], u32, u32, [u8; 16])>().prop_map(
        |([sock, cookie, inode, born_ns], pid, fd, comm)| Holder {
            sock,
            cookie,
            inode,
            born_ns,
            pid,
            fd,
            comm,
        },
    )
}

/// Any that can be read, states that are none in it.
fn past() -> impl Strategy<Value = Past> {
    any::<[u32; 4]>().prop_map(|packed| {
        let written = postcard::to_allocvec(&packed).expect("it can be written");
        postcard::from_bytes(&written).expect("it can be read")
    })
}

fn known_socket() -> impl Strategy<Value = KnownSocket> {
    let owner = any::<Option<(u32, [u8; 16], u64, u16, Option<u32>)>>();
    let times = [time(), time(), time(), time(), time()];
    let about = any::<([u64; 4], Option<bool>, bool, Option<u32>)>();
    (
        state(),
        kind(),
        tuple(),
        netns(),
        times,
        about,
        owner,
        past(),
    )
        .prop_map(
            |(state, kind, tuple, netns, times, (ids, accepted, bound, uid), owner, past)| {
                KnownSocket {
                    sock: ids[0],
                    cookie: ids[1],
                    inode: ids[2],
                    cgroup: ids[3],
                    entered_ns: times[0],
                    age_is_lower_bound: bound,
                    opened_ns: times[1],
                    touched_ns: times[2],
                    expires_ns: times[3],
                    seen_holder_ns: times[4],
                    unanswered_ns: bound.then_some(times[0]),
                    past,
                    tuple,
                    netns,
                    state,
                    kind,
                    role: accepted.map(|_| Role::Server),
                    accepted,
                    owner: owner.map(|(pid, comm, since_ns, holders, fd)| KnownOwner {
                        pid,
                        comm,
                        since_ns,
                        source: OwnerSource::FdTable,
                        holders,
                        fd,
                    }),
                    details: uid.map(|uid| Details {
                        uid,
                        recv_queue: 1,
                        send_queue: None,
                        timer: Timer::Keepalive,
                        unanswered: 2,
                    }),
                }
            },
        )
}

fn process() -> impl Strategy<Value = ProcessFact> {
    let presence = prop::sample::select(&[Presence::Seen, Presence::Hidden, Presence::Gone][..]);
    let texts = any::<(Option<String>, Option<String>, bool)>();
    (
        presence,
        any::<u32>(),
        time(),
        texts,
        any::<(Option<u64>, Option<u32>, Option<[u8; 16]>)>(),
    )
        .prop_map(|(presence, pid, read_ns, texts, some)| ProcessFact {
            start_ticks: some.0,
            comm: some.2,
            executable: texts.0,
            executable_deleted: texts.2,
            uid: some.1,
            cgroup: texts.1,
            open_files: some.0,
            ..ProcessFact::unread(pid, read_ns, presence)
        })
}

fn namespace() -> impl Strategy<Value = NamespaceFact> {
    (
        netns(),
        any::<Option<String>>(),
        any::<[Option<u64>; 11]>(),
        any::<Option<u16>>(),
    )
        .prop_map(|(identity, name, events, port)| NamespaceFact {
            identity,
            name: name.map(|text| NetnsName {
                text,
                source: NameSource::IpNetns,
            }),
            events,
            limits: port.map(|low| {
                std::sync::Arc::new(NamespaceLimits {
                    local_ports: Some(PortRange {
                        low,
                        high: u16::MAX,
                    }),
                    ..NamespaceLimits::default()
                })
            }),
        })
}

/// Any item, with anything in it.
pub(crate) fn item() -> impl Strategy<Value = Item> {
    let rows = || prop::collection::vec(row(), 0..4);
    let holders = || prop::collection::vec(holder(), 0..4);
    let search = (time(), any::<Vec<u32>>(), netns(), any::<bool>()).prop_map(
        |(began_ns, found, netns, complete)| Search {
            began_ns,
            found: found.into_iter().collect(),
            kept: [netns.inode].into_iter().collect(),
            denied_by_kernel: [netns].into_iter().collect(),
            complete,
        },
    );
    let dump = (time(), time()).prop_map(|(started_ns, read_ns)| DumpTime {
        started_ns,
        read_ns,
    });
    prop_oneof![
        any::<u64>().prop_map(Item::Gap),
        any::<String>().prop_map(Item::Policy),
        (any::<bool>(), time()).prop_map(|(dumps_have_cookies, fin_timeout_ns)| Item::Ground(
            Ground {
                dumps_have_cookies,
                fin_timeout_ns,
            }
        )),
        (namespace(), any::<bool>()).prop_map(|(fact, seeded)| {
            Item::KnownNamespace(Box::new(KnownNamespace { fact, seeded }))
        }),
        known_socket().prop_map(|known| Item::Socket(Box::new(known))),
        time().prop_map(|now_ns| Item::Planted { now_ns }),
        record().prop_map(Item::Record),
        (search, time()).prop_map(|(search, now_ns)| Item::Searched { search, now_ns }),
        any::<bool>().prop_map(|cookies| Item::Began {
            states: StateSet::LIVE,
            cookies
        }),
        (netns(), dump, rows()).prop_map(|(netns, time, rows)| Item::Rows { netns, time, rows }),
        (netns(), time()).prop_map(|(netns, started_ns)| Item::Swept { netns, started_ns }),
        (time(), any::<bool>(), any::<Vec<String>>()).prop_map(|(now_ns, complete, problems)| {
            Item::Ended {
                now_ns,
                complete,
                problems,
            }
        }),
        (time(), holders()).prop_map(|(started_ns, holders)| Item::Holders {
            started_ns,
            holders
        }),
        (time(), holders()).prop_map(|(started_ns, by_inode)| Item::HoldersEnded {
            started_ns,
            by_inode
        }),
        any::<Vec<(u64, String)>>().prop_map(Item::Cgroups),
        (netns(), rows()).prop_map(|(netns, rows)| Item::Listeners(netns, rows)),
        (netns(), any::<u64>()).prop_map(|(netns, count)| Item::Minisocks(netns, count)),
        namespace().prop_map(|fact| Item::Namespace(Box::new(fact))),
        any::<Option<u64>>().prop_map(|orphans| Item::Machine(MachineFact {
            orphans,
            ..MachineFact::default()
        })),
        prop::collection::vec(process(), 0..3).prop_map(Item::Processes),
        (time(), time(), any::<[u64; 5]>()).prop_map(|(now_ns, unix_ns, counts)| Item::Tick(
            Tick {
                now_ns,
                unix_ns,
                produced: counts[0],
                delivered: counts[1],
                losses: Losses {
                    ring_full: counts[2],
                    recursion: counts[3],
                    undecodable: counts[4],
                },
            }
        )),
    ]
}

fn written(items: &[Item]) -> Vec<u8> {
    let mut payload = Vec::new();
    for item in items {
        append(&mut payload, item).unwrap();
    }
    payload
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(items in prop::collection::vec(item(), 0..20)) {
        let read: Result<Vec<Item>, Damage> = Items::new(&written(&items)).collect();
        prop_assert_eq!(read, Ok(items));
    }

    #[test]
    fn of_items_that_are_cut_off_the_first_are_read(
        items in prop::collection::vec(item(), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = written(&items);
        let cut = cut.index(whole.len());
        let read: Vec<Item> = Items::new(&whole[..cut]).map_while(Result::ok).collect();
        prop_assert!(items.starts_with(&read));
    }

    #[test]
    fn a_frame_is_read_as_it_was_written(
        payload in any::<Vec<u8>>(),
        to_ns in any::<u64>(),
        packs in any::<bool>(),
    ) {
        let frame = Frame { kind: FrameKind::Items, to_ns, payload };
        let packing = if packs { Packing::Deflate } else { Packing::Stored };
        let bytes = frame.to_bytes(packing);
        let (head, payload) = bytes.split_first_chunk().unwrap();
        let head = FrameHead::parse(head).unwrap();
        prop_assert_eq!(head.unpack(payload), Ok(frame));
    }

    #[test]
    fn a_frame_with_another_byte_is_noticed(
        payload in prop::collection::vec(any::<u8>(), 1..200),
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let frame = Frame { kind: FrameKind::Items, to_ns: 7, payload };
        let mut bytes = frame.to_bytes(Packing::Deflate);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let (head, payload) = bytes.split_first_chunk().unwrap();
        let outcome = FrameHead::parse(head).and_then(|head| head.unpack(payload));
        prop_assert!(outcome.is_err(), "byte {}", at);
    }
}

#[test]
fn a_packed_frame_is_smaller_and_a_bomb_does_not_grow() {
    let frame = Frame {
        kind: FrameKind::Items,
        to_ns: 0,
        payload: vec![7; 1 << 20],
    };
    let bytes = frame.to_bytes(Packing::Deflate);
    assert!(bytes.len() < 1 << 14, "{}", bytes.len());
    let (head, payload) = bytes.split_first_chunk().unwrap();
    let head = FrameHead::parse(head).unwrap();
    // A head that promises less, with a checksum that fits.
    let smaller = Frame {
        payload: vec![7; 100],
        ..frame
    };
    let small = smaller.to_bytes(Packing::Deflate);
    let (small_head, _) = small.split_first_chunk().unwrap();
    let small_head = FrameHead::parse(small_head).unwrap();
    assert_eq!(small_head.unpack(payload), Err(Damage::Checksum));
    assert_eq!(
        head.unpack(payload).map(|frame| frame.payload.len()),
        Ok(1 << 20)
    );
}

#[test]
fn what_is_no_recording_is_called_what_it_is() {
    let sentence = |bytes: &[u8]| not_ours(bytes).unwrap_or_default();
    assert_eq!(sentence(b""), "is empty");
    assert!(sentence(b"\x1f\x8b\x08\0\0\0\0\0\0\0").contains("gunzip"));
    assert!(sentence(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0]).contains("--pcap"));
    assert!(sentence(b"{\"schema\":1").contains("no recording"));
    assert!(sentence(&preamble()[..5]).contains("cut off"));
    let mut newer = preamble();
    newer[8] += 1;
    assert!(sentence(&newer).contains("format 3, and this tcpmon reads format 2"));
    assert_eq!(not_ours(&preamble()), None);
}

#[test]
fn a_policy_survives() {
    let mut policy = Policy::default();
    policy.general.close_wait.age_ns = 200_000_000;
    policy.general.close_wait.critical_share = 0.123;
    let mut other = policy.general;
    other.rise_ns = 5;
    let scope = Scope {
        process: Some("web".to_owned()),
        kind: Some(Kind::CloseWaitLeak),
        port: Some(80),
        unit: None,
    };
    policy.special.push((scope.clone(), other));
    policy.ignore.push(scope);
    policy.enabled = false;
    assert_eq!(policy_from_text(&policy_to_text(&policy)), Some(policy));
    assert_eq!(policy_from_text("no"), None);
    // What another release knew and this one does not is left out.
    let text = policy_to_text(&Policy::default()).replace("half_dead.count", "half_dead.other");
    assert_eq!(policy_from_text(&text), Some(Policy::default()));
}

#[test]
fn what_cannot_be_is_refused() {
    for item in [
        Item::Planted { now_ns: u64::MAX },
        Item::Listeners(
            NetnsIdentity::default(),
            vec![DumpRow {
                cookie: 1,
                state: State::Close,
                kind: SocketKind::Full,
                tuple: Tuple::UNKNOWN,
                inode: 0,
                uid: 0,
                recv_queue: 0,
                send_queue: None,
                expires_ms: 0,
                timer: Timer::None,
                unanswered: 0,
                cgroup: 0,
                drops: None,
                last_ack_ms: None,
            }],
        ),
        Item::Swept {
            netns: NetnsIdentity::default(),
            started_ns: MAX_TIME_NS + 1,
        },
        Item::Record(Record {
            time_ns: u64::MAX,
            ..Record::EMPTY
        }),
    ] {
        let read: Vec<_> = Items::new(&written(&[item])).collect();
        assert_eq!(read, [Err(Damage::Content)]);
    }
}

#[test]
fn filters_of_what_changes_are_refused() {
    for (text, is_refused) in [
        ("", false),
        ("dport = :443 and proc = nginx", false),
        ("state close-wait", true),
        ("not (pid = 5 or age > 5m)", true),
    ] {
        let filter = text.parse().unwrap();
        assert_eq!(refuse(&filter).is_some(), is_refused, "{text}");
    }
}
