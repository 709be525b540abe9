//! What namespaces are called, and what is said of those the agent may not enter.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;

use caps::{CapSet, Capability};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use tcpmon::core::netns::NameSource;
use tcpmon::core::query::{NamespaceRow, NetnsView};
use tcpmon::source::procfs::cgroup::{CGROUP_ROOT, v2_root};

use crate::net::{ANY_PORT, listener, pair};
use crate::place::{in_namespace, now_ns};
use crate::puppet::Puppet;
use crate::running::Agent;
use crate::world::{Home, check, in_workplace, within};

/// A control group of this test alone, and a process in it.
struct Group {
    directory: PathBuf,
    resident: Option<Puppet>,
}

impl Group {
    /// `None` where there is no cgroup v2 tree to make groups in.
    fn make(name: &str) -> Option<Self> {
        let directory = v2_root(Path::new(CGROUP_ROOT))?.join(name);
        fs::create_dir(&directory).ok()?;
        let mut group = Self {
            directory,
            resident: None,
        };
        let resident = Puppet::start("inhabitant");
        group.admit(&resident);
        group.resident = Some(resident);
        Some(group)
    }

    fn admit(&self, puppet: &Puppet) {
        let file = self.directory.join("cgroup.procs");
        fs::write(file, puppet.pid().to_string()).expect("a process can be moved into a new group");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.resident.take());
        // The kernel may still be taking the process apart.
        within(10, "the group is removed", || {
            fs::remove_dir(&self.directory).map_err(|error| error.to_string())
        });
    }
}

fn row(agent: &Agent, netns: u32) -> Result<NamespaceRow, String> {
    let rows = agent.namespaces();
    let row = rows.iter().find(|row| row.netns == Some(netns));
    row.cloned().ok_or_else(|| format!("{rows:#?}"))
}

/// Waits until the namespace, in which there are sockets, goes by that name everywhere.
#[track_caller]
fn goes_by(agent: &Agent, netns: u32, name: &str, source: NameSource) {
    within(10, "the namespace is named", || {
        let row = row(agent, netns)?;
        let named = (row.name.as_deref(), row.name_source) == (Some(name), Some(source));
        check(named, || format!("{row:?}"))
    });
    let filter = format!("netns = {netns}");
    let rows = agent.ls(&filter);
    assert!(!rows.is_empty());
    for row in rows {
        assert_eq!(row.netns_name.as_deref(), Some(name), "{row:?}");
        assert_eq!(row.netns_name_source, Some(source), "{row:?}");
    }
    let shown: String = match source {
        NameSource::Container => name.chars().take(12).collect(),
        _ => name.to_owned(),
    };
    let wide = agent
        .client(&["ls", &filter, "--output", "wide"])
        .succeeded();
    let mut lines = wide.lines();
    assert!(
        lines
            .next()
            .is_some_and(|titles| titles.contains("NAMESPACE"))
    );
    for line in lines {
        assert!(line.split_whitespace().any(|word| word == shown), "{wide}");
    }
}

#[test]
fn a_namespace_goes_by_the_container_that_lives_in_it() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        in_workplace(|netns| {
            let id = format!("{:064x}", now_ns());
            let Some(_group) = Group::make(&format!("docker-{id}.scope")) else {
                println!("skipped, because no control group can be made here");
                return;
            };
            let _listener = listener();
            goes_by(&agent, netns, &id, NameSource::Container);
        });
    });
}

#[test]
fn a_namespace_goes_by_a_service_only_while_all_of_it_lives_there() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let elsewhere = Puppet::start("elsewhere");
        in_workplace(|netns| {
            let name = format!("tcpmon-test-{}.service", now_ns());
            let Some(group) = Group::make(&name) else {
                println!("skipped, because no control group can be made here");
                return;
            };
            let _listener = listener();
            goes_by(&agent, netns, &name, NameSource::Unit);
            group.admit(&elsewhere);
            within(10, "the name is taken back", || {
                let row = row(&agent, netns)?;
                check(row.name.is_none(), || format!("{row:?}"))
            });
            drop(elsewhere);
            goes_by(&agent, netns, &name, NameSource::Unit);
        });
    });
}

/// Gives the namespace of the calling thread a name for `ip netns`, in front of this thread and its
/// children alone.
fn name_for_ip_netns(name: &str) {
    const NONE: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS).expect("root may make a namespace");
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(NONE, "/", NONE, private, NONE).expect("root may mount");
    mount(NONE, "/run", Some("tmpfs"), MsFlags::empty(), NONE).expect("root may mount");
    let file = Path::new("/run/netns").join(name);
    fs::create_dir("/run/netns").expect("the directory is new");
    fs::write(&file, "").expect("the file is new");
    let own = Some("/proc/thread-self/ns/net");
    mount(own, &file, NONE, MsFlags::MS_BIND, NONE).expect("root may mount");
}

#[test]
fn ip_netns_names_and_the_host_are_told() {
    let host = Home::here();
    in_namespace(|own| {
        name_for_ip_netns("blue");
        let agent = Agent::start(&[]);
        let _listener = listener();
        goes_by(&agent, own.0.inode, "blue", NameSource::IpNetns);

        let initial = fs::metadata("/proc/2/ns/net").map(|file| {
            use std::os::unix::fs::MetadataExt as _;
            file.ino()
        });
        let comm = fs::read_to_string("/proc/2/comm").unwrap_or_default();
        if comm.trim() != "kthreadd" || initial.ok() != Some(host.inode().into()) {
            println!("skipped, because these tests do not run in the initial namespace");
            return;
        }
        let _listener = host.visit(|| TcpListener::bind(ANY_PORT).expect("listens"));
        goes_by(&agent, host.inode(), "host", NameSource::Host);
    });
}

/// An agent that may not do what `capability` allows. Bounding sets belong to threads.
fn agent_without(capability: Capability) -> Agent {
    thread::scope(|scope| {
        // It inherits the network namespace of the calling thread.
        let starter = scope.spawn(|| {
            caps::drop(None, CapSet::Bounding, capability).expect("root may drop it");
            Agent::start(&[])
        });
        starter.join().expect("no panic")
    })
}

#[test]
fn what_may_not_be_entered_is_known_from_the_stream_and_that_is_said() {
    in_namespace(|own| {
        let home_listener = listener();
        let home = Home::here();
        in_workplace(|netns| {
            let before = listener();
            let old = pair(&before);
            let agent = home.visit(|| agent_without(Capability::CAP_SYS_ADMIN));
            let new_listener = listener();
            let new = pair(&new_listener);
            let row = within(10, "the new sockets are counted", || {
                let row = row(&agent, netns)?;
                // A listener and two ends; what was there before is not known.
                check(row.sockets == 3, || format!("{row:?}"))?;
                Ok(row)
            });
            assert_eq!(row.known_from, NetnsView::Stream);
            let audits = agent.audits();
            within(20, "two more audits", || {
                check(agent.audits() >= audits + 2, || "not yet".into())
            });
            let after = self::row(&agent, netns).expect("it is still there");
            assert_eq!(after.known_from, NetnsView::Stream);
            assert_eq!(
                after.sockets, 3,
                "nothing is dropped for not being looked into"
            );
            let own = self::row(&agent, own.0.inode).expect("it has a listener");
            assert_eq!(own.known_from, NetnsView::Dumps);

            let limits = agent.summary().health.limits;
            let said = |part: &str| limits.iter().any(|limit| limit.contains(part));
            assert!(
                said("CAP_SYS_ADMIN") && said("existing sockets are unknown"),
                "{limits:#?}"
            );
            assert!(agent.metric("tcpmon_namespaces_unreadable") > 0);

            // An old socket is known as soon as something happens to it.
            drop(old);
            within(10, "the old connection has ended", || {
                let rows = agent.ls(&format!("state time-wait and netns = {netns}"));
                check(rows.len() == 1, || format!("{rows:#?}"))
            });
            drop((new, new_listener, before));
        });
        drop(home_listener);
    });
}
