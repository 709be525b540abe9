//! What can be told of a process: by whom it is asked, and when it has threads or ends.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

use nix::mount::{MsFlags, mount};
use tcpmon::core::facts::{Presence, ProcessFact};
use tcpmon::privilege;
use tcpmon::source::accounts::Accounts;
use tcpmon::source::procfs::{ProcRoot, inspect};

use crate::harness::Watch;
use crate::net::listener;
use crate::place::{eventually, in_namespace, keep_mounts_private, now_ns};
use crate::puppet::Puppet;
use crate::scenario::text;

const NOBODY: u32 = 65534;

fn look(root: &ProcRoot, pid: u32) -> ProcessFact {
    let mut accounts = Accounts::default();
    accounts.refresh();
    inspect::read(root, pid, now_ns(), &accounts)
}

/// A process of another user, which ends with its input. It has begun its work: until then it opens
/// files that it closes again.
fn stranger() -> (Child, ChildStdin) {
    let child = Command::new("cat")
        .uid(NOBODY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.expect("root may be anybody");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(b"?").expect("it reads");
    let output = child.stdout.as_mut().expect("a pipe");
    output.read_exact(&mut [0]).expect("it answers");
    (child, input)
}

/// Runs `body` on a thread that sees a `/proc` mounted with `options`, and may look at everything.
fn with_proc(options: &str, body: impl FnOnce(&ProcRoot) + Send) {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path();
    thread::scope(|scope| {
        let looker = scope.spawn(move || {
            keep_mounts_private();
            mount(
                Some("proc"),
                path,
                Some("proc"),
                MsFlags::empty(),
                Some(options),
            )
            .expect("proc");
            body(&ProcRoot(path.to_owned()));
        });
        looker.join().expect("no panic");
    });
}

#[test]
fn a_hidden_process_is_told_from_one_that_is_gone() {
    // Nothing is hidden from the group `gid`, which is that of root unless one is named.
    for options in ["hidepid=1,gid=54321", "hidepid=2,gid=54321"] {
        let (mut child, input) = stranger();
        let pid = child.id();
        with_proc(options, |root| {
            let seen = look(root, pid);
            assert_eq!(
                (seen.presence, seen.uid),
                (Presence::Seen, Some(NOBODY)),
                "{options}"
            );
            privilege::keep_only(&[]).expect("giving up needs no privilege");
            let hidden = look(root, pid);
            let expected = ProcessFact::unread(pid, hidden.read_ns, Presence::Hidden);
            assert_eq!(hidden, expected, "{options}");
            drop(input);
            child.wait().expect("it ends with its input");
            assert_eq!(look(root, pid).presence, Presence::Gone, "{options}");
        });
    }
}

#[test]
fn without_privilege_the_program_of_others_is_unknown_and_the_rest_is_told() {
    let (mut child, input) = stranger();
    let pid = child.id();
    let privileged = look(&ProcRoot::default(), pid);
    assert!(privileged.executable.is_some() && privileged.open_files.is_some());
    let unprivileged = thread::scope(|scope| {
        let looker = scope.spawn(|| {
            privilege::keep_only(&[]).expect("giving up needs no privilege");
            look(&ProcRoot::default(), pid)
        });
        looker.join().expect("no panic")
    });
    // Only kernels that tell the number as a size (Linux 6.2) tell it to everybody.
    assert!([None, privileged.open_files].contains(&unprivileged.open_files));
    let expected = ProcessFact {
        read_ns: unprivileged.read_ns,
        executable: None,
        open_files: unprivileged.open_files,
        ..privileged
    };
    assert_eq!(unprivileged, expected);
    drop(input);
    child.wait().expect("it ends with its input");
}

#[test]
fn a_process_has_the_name_of_its_first_thread_whoever_acts() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let mut client = Puppet::start("many-threads");
        let listening = listener.local_addr().expect("is bound").port();
        let descriptor = client.ask(&format!("connect {listening}"));
        let (server, _) = listener.accept().expect("accepts");
        client.ask(&format!("close-in-thread {descriptor}"));
        let pid = client.pid();
        let row = watch.until("the close", |watch| {
            let mut rows = watch.rows().into_iter();
            rows.find(|row| row.pid == Some(pid) && row.state == "FIN_WAIT2")
        });
        let fact = look(&ProcRoot::default(), pid);
        assert_eq!(text(&fact.comm.expect("it runs")), "many-threads");
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
        assert_eq!(fact.threads, u64::try_from(tasks.count()).ok());
        assert!(fact.start_ns() < Some(now_ns()));
        assert!(watch.table.processes_to_read(now_ns(), 9).contains(&pid));
        watch.table.describe_processes(&[fact]);
        // On kernels whose programs see the thread alone, the row had its name until now.
        let port = row.local_port;
        assert_eq!(
            watch.row(port, "FIN_WAIT2").process.as_deref(),
            Some("many-threads")
        );
        drop(server);
    });
}

#[test]
fn another_program_is_the_same_process() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let mut server = Puppet::start("before");
        let port: u16 = server.ask("listen").parse().expect("a port");
        let pid = server.pid();
        watch.until("the listener", |watch| {
            watch.table.owns_sockets(pid).then_some(())
        });
        let before = look(&ProcRoot::default(), pid);
        watch
            .table
            .describe_processes(std::slice::from_ref(&before));
        // From another thread than the first: the kernel gives it the first one's place.
        server.exec("cat");
        let after = eventually("the other program", || {
            let fact = look(&ProcRoot::default(), pid);
            (fact.comm != before.comm).then_some(fact)
        });
        assert_eq!(
            (after.presence, after.start_ticks),
            (Presence::Seen, before.start_ticks)
        );
        assert_ne!(after.executable, before.executable);
        watch.table.describe_processes(&[after]);
        assert_eq!(watch.row(port, "LISTEN").process.as_deref(), Some("cat"));
        let row = watch
            .table
            .process_row(pid, now_ns())
            .expect("it kept its socket");
        assert_eq!((row.sockets, row.presence.as_deref()), (1, Some("seen")));
    });
}

#[test]
fn of_a_process_that_was_killed_the_last_facts_are_kept() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let mut client = Puppet::start("short-lived");
        let listening = listener.local_addr().expect("is bound").port();
        client.ask(&format!("connect {listening}"));
        let (server, _) = listener.accept().expect("accepts");
        let pid = client.pid();
        watch.until("the connection", |watch| {
            watch.table.owns_sockets(pid).then_some(())
        });
        watch
            .table
            .describe_processes(&[look(&ProcRoot::default(), pid)]);
        client.kill();
        watch.until("its end", |watch| {
            let rows = watch.rows();
            let closed = rows
                .iter()
                .any(|row| row.state == "FIN_WAIT2" && row.pid == Some(pid));
            closed.then_some(())
        });
        watch
            .table
            .describe_processes(&[look(&ProcRoot::default(), pid)]);
        let processes = watch.table.process_rows(None, now_ns()).processes;
        let row = processes
            .iter()
            .find(|row| row.pid == pid)
            .expect("the kernel keeps a socket");
        assert_eq!(row.presence.as_deref(), Some("gone"));
        assert!(row.executable.is_some() && row.fd_open.is_some());
        assert!(
            !watch.table.owns_sockets(pid),
            "the pid may be another's by now"
        );
        drop(server);
    });
}
