//! Namespaces that go without a word, and some that only seem to.

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

/// A namespace with [`ENDED`] sockets in TIME_WAIT and no other, which the agent has seen.
fn with_time_waits(agent: &Agent) -> Home {
    let place = Home::fresh();
    place.visit(|| end_some(&listener()));
    place.visit(|| ss::agree(agent, place.inode()));
    place
}

fn rows(agent: &Agent, netns: u32) -> usize {
    agent.ls(&format!("netns = {netns}")).len()
}

/// The sockets are gone after two audits that have begun since: the one under way is not counted.
/// Returns after how many seconds.
#[track_caller]
fn goes(agent: &Agent, netns: u32) -> f64 {
    let (last, began_ns) = (agent.audits() + 3, now_ns());
    let gone = within(60, "the rows are gone", || {
        let audits = agent.audits();
        let rows = rows(agent, netns);
        match rows {
            0 => Ok(Ok(now_ns())),
            rows if audits >= last => Ok(Err(rows)),
            rows => Err(format!("{rows} rows")),
        }
    });
    let gone_ns = gone.unwrap_or_else(|rows| panic!("{rows} rows after two audits"));
    let known = agent.namespaces();
    assert!(
        known.iter().all(|row| row.netns != Some(netns)),
        "{known:#?}"
    );
    (gone_ns - began_ns) as f64 / 1e9
}

/// The sockets are there after four more audits.
#[track_caller]
fn stays(agent: &Agent, netns: u32) {
    let enough = agent.audits() + 4;
    within(60, "four audits", || {
        let audits = agent.audits();
        assert_eq!(rows(agent, netns), ENDED, "after {audits} audits");
        check(audits >= enough, || format!("{audits} audits"))
    });
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
        let place = with_time_waits(&agent);
        let netns = place.inode();
        stays(&agent, netns);
        drop(place);
        let seconds = goes(&agent, netns);
        println!("gone after {seconds:.2} s");
        let drift = agent.summary().health.drift;
        assert!(drift.values().all(|count| *count == 0), "{drift:?}");
    });
}

#[test]
fn a_namespace_is_there_while_a_descriptor_keeps_it() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let place = with_time_waits(&agent);
        // No process, no name, no mount.
        stays(&agent, place.inode());
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
        let place = with_time_waits(&agent);
        let netns = place.inode();
        let way = place.way();
        mount(Some(&*way), &file, NONE, MsFlags::MS_BIND, NONE).expect("root may mount");
        drop(place);
        stays(&agent, netns);
        Home::at(&file).visit(|| ss::agree(&agent, netns));
        nix::mount::umount(&file).expect("root may unmount");
        if can_be_told() {
            goes(&agent, netns);
        }
    });
}

#[test]
fn a_namespace_is_there_while_a_process_is_in_it() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let place = with_time_waits(&agent);
        let netns = place.inode();
        let resident = place.visit(|| Puppet::start("resident"));
        drop(place);
        stays(&agent, netns);
        let way = format!("/proc/{}/ns/net", resident.pid());
        Home::at(Path::new(&way)).visit(|| ss::agree(&agent, netns));
        drop(resident);
        if can_be_told() {
            goes(&agent, netns);
        }
    });
}

#[test]
fn a_namespace_is_there_while_a_socket_of_another_protocol_is_held() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let place = with_time_waits(&agent);
        let netns = place.inode();
        let socket = place.visit(|| UdpSocket::bind(ANY_PORT).expect("a socket"));
        drop(place);
        stays(&agent, netns);
        drop(socket);
        if can_be_told() {
            goes(&agent, netns);
        }
    });
}

#[test]
fn a_namespace_is_there_while_a_tcp_socket_in_it_is_held() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let place = with_time_waits(&agent);
        let netns = place.inode();
        let listener = place.visit(listener);
        drop(place);
        let enough = agent.audits() + 4;
        within(60, "four audits", || {
            let audits = agent.audits();
            let states = [("listen", 1), ("time-wait", ENDED)];
            for (state, count) in states {
                let rows = agent.ls(&format!("state {state} and netns = {netns}"));
                assert_eq!(rows.len(), count, "{rows:#?}");
            }
            check(audits >= enough, || format!("{audits} audits"))
        });
        drop(listener);
        if can_be_told() {
            goes(&agent, netns);
        }
    });
}
