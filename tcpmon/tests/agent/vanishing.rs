//! Namespaces that go without a word, and some that only seem to.

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::net::{ANY_PORT, listener, pair, read_end};
use crate::place::{in_namespace, now_ns};
use crate::puppet::Puppet;
use crate::running::Agent;
use crate::ss;
use crate::world::{Home, check, within};

/// Connections that end in TIME_WAIT.
const ENDED: usize = 5;

fn end_some(listener: &TcpListener) {
    for _ in 0..ENDED {
        let (client, mut server) = pair(listener);
        drop(client);
        read_end(&mut server);
    }
}

/// The sockets that are left in a namespace. Its inode may be another's as soon as it is gone; their
/// cookies are theirs for good.
struct Remains {
    netns: u32,
    cookies: BTreeSet<u64>,
}

impl Remains {
    /// How many of them the agent has.
    fn rows(&self, agent: &Agent) -> usize {
        let rows = agent.ls(&format!("netns = {}", self.netns));
        let cookies = rows.iter().filter_map(|row| row.cookie);
        cookies
            .filter(|cookie| self.cookies.contains(cookie))
            .count()
    }

    /// They are gone after two audits that have begun since: the one under way is not counted. Returns
    /// after how many seconds.
    #[track_caller]
    fn go(&self, agent: &Agent) -> f64 {
        let (last, began_ns) = (agent.audits() + 3, now_ns());
        let gone = within(60, "the rows are gone", || {
            let audits = agent.audits();
            match self.rows(agent) {
                0 => Ok(Ok(now_ns())),
                rows if audits >= last => Ok(Err(rows)),
                rows => Err(format!("{rows} rows")),
            }
        });
        let gone_ns = gone.unwrap_or_else(|rows| panic!("{rows} rows after two audits"));
        (gone_ns - began_ns) as f64 / 1e9
    }

    /// They are there after four more audits.
    #[track_caller]
    fn stay(&self, agent: &Agent) {
        let enough = agent.audits() + 4;
        within(60, "four audits", || {
            let audits = agent.audits();
            assert_eq!(
                self.rows(agent),
                self.cookies.len(),
                "after {audits} audits"
            );
            check(audits >= enough, || format!("{audits} audits"))
        });
    }
}

/// A namespace with [`ENDED`] sockets in TIME_WAIT and no other, which the agent has seen.
fn with_time_waits(agent: &Agent) -> (Home, Remains) {
    let place = Home::fresh();
    place.visit(|| end_some(&listener()));
    let rows = place.visit(|| ss::agree(agent, place.inode()));
    let remains = Remains {
        netns: place.inode(),
        cookies: rows.iter().filter_map(|row| row.cookie).collect(),
    };
    assert_eq!(remains.cookies.len(), ENDED, "{rows:#?}");
    (place, remains)
}

/// Whether namespaces can be told to be gone here: the kernel says so, or every process shows what it
/// has.
fn can_be_told() -> bool {
    let pids = fs::read_dir("/proc").expect("proc is mounted").flatten();
    let hidden = pids
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .any(|entry| {
            let own = fs::metadata(entry.path().join("ns/net"));
            own.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
        });
    !hidden || has_handles()
}

/// Whether nsfs gives out file handles.
fn has_handles() -> bool {
    let mut handle = [0_u32; 34];
    handle[0] = 128;
    let mut mount = 0;
    #[expect(unsafe_code, reason = "no crate in use wraps name_to_handle_at(2)")]
    // SAFETY: the buffer is a handle header and the 128 bytes the header speaks of.
    let outcome = unsafe {
        libc::name_to_handle_at(
            libc::AT_FDCWD,
            c"/proc/self/ns/net".as_ptr(),
            handle.as_mut_ptr().cast(),
            &raw mut mount,
            libc::AT_SYMLINK_FOLLOW,
        )
    };
    outcome == 0
}

#[test]
fn what_is_left_of_a_namespace_goes_with_it() {
    if !can_be_told() {
        println!("skipped, because some processes here hide their namespaces");
        return;
    }
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let (place, remains) = with_time_waits(&agent);
        remains.stay(&agent);
        drop(place);
        let seconds = remains.go(&agent);
        println!("gone after {seconds:.2} s");
        let drift = agent.summary().health.drift;
        assert!(drift.values().all(|count| *count == 0), "{drift:?}");
    });
}

#[test]
fn a_namespace_is_there_while_a_descriptor_keeps_it() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let (place, remains) = with_time_waits(&agent);
        // No process, no name, no mount.
        remains.stay(&agent);
        place.visit(|| ss::agree(&agent, place.inode()));
    });
}

#[test]
fn a_namespace_is_there_while_it_is_mounted_where_the_agent_does_not_see_it() {
    const NONE: Option<&str> = None;
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        unshare(CloneFlags::CLONE_NEWNS).expect("root may make a namespace");
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(NONE, "/", NONE, private, NONE).expect("root may mount");
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("net work");
        fs::write(&file, "").expect("a file");
        let (place, remains) = with_time_waits(&agent);
        let netns = place.inode();
        let way = place.way();
        mount(Some(&*way), &file, NONE, MsFlags::MS_BIND, NONE).expect("root may mount");
        drop(place);
        remains.stay(&agent);
        Home::at(&file).visit(|| ss::agree(&agent, netns));
        nix::mount::umount(&file).expect("root may unmount");
        if can_be_told() {
            remains.go(&agent);
        }
    });
}

#[test]
fn a_namespace_is_there_while_a_process_is_in_it() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let (place, remains) = with_time_waits(&agent);
        let netns = place.inode();
        let resident = place.visit(|| Puppet::start("resident"));
        drop(place);
        remains.stay(&agent);
        let way = format!("/proc/{}/ns/net", resident.pid());
        Home::at(Path::new(&way)).visit(|| ss::agree(&agent, netns));
        drop(resident);
        if can_be_told() {
            remains.go(&agent);
        }
    });
}

#[test]
fn a_namespace_is_there_while_a_socket_of_another_protocol_is_held() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let (place, remains) = with_time_waits(&agent);
        let socket = place.visit(|| UdpSocket::bind(ANY_PORT).expect("a socket"));
        drop(place);
        remains.stay(&agent);
        drop(socket);
        if can_be_told() {
            remains.go(&agent);
        }
    });
}

#[test]
fn a_namespace_is_there_while_a_tcp_socket_in_it_is_held() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let (place, remains) = with_time_waits(&agent);
        let netns = place.inode();
        let listener = place.visit(listener);
        drop(place);
        remains.stay(&agent);
        let listening = agent.ls(&format!("state listen and netns = {netns}"));
        assert_eq!(listening.len(), 1, "{listening:#?}");
        drop(listener);
        if can_be_told() {
            remains.go(&agent);
        }
    });
}
