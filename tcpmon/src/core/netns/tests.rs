use super::*;

const DOCKER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const POD: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";

fn at(path: &str) -> Resident {
    Resident {
        identity: Identity::from_path(path),
        undivided: true,
    }
}

fn docker(id: &str) -> Resident {
    at(&format!("/system.slice/docker-{id}.scope"))
}

fn name(evidence: &Evidence<'_>) -> Option<(String, NameSource)> {
    let name = NetnsName::of(&Evidence {
        inode: 4_026_532_177,
        ..*evidence
    });
    name.map(|name| (name.text, name.source))
}

fn named(processes: &[Resident]) -> Option<(String, NameSource)> {
    name(&Evidence {
        processes,
        ..Evidence::default()
    })
}

#[test]
fn the_initial_namespace_is_the_hosts_whoever_lives_there() {
    let processes = [docker(DOCKER)];
    let evidence = Evidence {
        kernel_threads: true,
        processes: &processes,
        ip_netns: Some("default"),
        ..Evidence::default()
    };
    assert_eq!(name(&evidence), Some(("host".into(), NameSource::Host)));
    let fixed = Evidence {
        inode: INITIAL_INODE,
        ..Evidence::default()
    };
    let fixed = NetnsName::of(&fixed).map(|name| name.source);
    assert_eq!(fixed, Some(NameSource::Host));
}

#[test]
fn nothing_known_is_no_name() {
    assert_eq!(named(&[]), None);
    assert_eq!(named(&[at("/")]), None);
    assert_eq!(
        named(&[at("/user.slice/user-0.slice/session-3.scope")]),
        None
    );
}

#[test]
fn containers_of_every_runtime_and_pods() {
    let id = Some((DOCKER.to_owned(), NameSource::Container));
    for path in [
        format!("/system.slice/docker-{DOCKER}.scope"),
        format!("/docker/{DOCKER}"),
        format!("/machine.slice/libpod-{DOCKER}.scope/container"),
        format!("/system.slice/nerdctl-{DOCKER}.scope"),
        format!("/system.slice/containerd.service/crio-{DOCKER}.scope"),
    ] {
        assert_eq!(named(&[at(&path)]), id, "{path}");
    }
    let pod = Some((POD.to_owned(), NameSource::Pod));
    for path in [
        format!("/kubepods/burstable/pod{POD}/{DOCKER}"),
        format!(
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice/cri-containerd-{DOCKER}.scope",
            POD.replace('-', "_")
        ),
    ] {
        assert_eq!(named(&[at(&path)]), pod, "{path}");
    }
}

#[test]
fn a_visitor_does_not_hide_who_lives_there() {
    let shell = at("/user.slice/user-0.slice/session-3.scope");
    assert_eq!(
        named(&[shell, docker(DOCKER)]),
        Some((DOCKER.into(), NameSource::Container))
    );
    // Of two containers that share it, that of the first process.
    assert_eq!(
        named(&[docker(OTHER), docker(DOCKER)]),
        Some((OTHER.into(), NameSource::Container))
    );
}

#[test]
fn a_name_somebody_chose_is_worth_more_than_one_a_runtime_made_up() {
    let processes = [docker(DOCKER)];
    let with = |ip_netns| {
        name(&Evidence {
            ip_netns: Some(ip_netns),
            processes: &processes,
            ..Evidence::default()
        })
    };
    assert_eq!(with("blue"), Some(("blue".into(), NameSource::IpNetns)));
    let made_up = "cni-6f9619ff-8b86-d011-b42d-00c04fc964ff";
    assert_eq!(with(made_up), Some((DOCKER.into(), NameSource::Container)));
    let empty = name(&Evidence {
        ip_netns: Some(made_up),
        ..Evidence::default()
    });
    assert_eq!(empty, Some((made_up.into(), NameSource::IpNetns)));
}

#[test]
fn a_service_names_its_namespace_only_if_all_of_it_lives_there() {
    let whole = at("/system.slice/private.service");
    let divided = Resident {
        undivided: false,
        ..whole.clone()
    };
    assert_eq!(
        named(&[whole]),
        Some(("private.service".into(), NameSource::Unit))
    );
    assert_eq!(named(&[divided]), None);
}

#[test]
fn the_agents_own_container_names_no_namespace_but_the_agents() {
    let processes = [docker(DOCKER)];
    let agent = Identity::from_path(&format!("/docker/{DOCKER}"));
    let evidence = |own| Evidence {
        own,
        processes: &processes,
        agent: Some(&agent),
        ..Evidence::default()
    };
    assert_eq!(name(&evidence(false)), None);
    assert_eq!(
        name(&evidence(true)),
        Some((DOCKER.into(), NameSource::Container))
    );
    let elsewhere = Identity::from_path(&format!("/docker/{OTHER}"));
    let foreign = Evidence {
        agent: Some(&elsewhere),
        ..evidence(false)
    };
    assert_eq!(name(&foreign), Some((DOCKER.into(), NameSource::Container)));
}

#[test]
fn a_namespace_is_missed_where_everything_was_seen_or_the_kernel_says_so() {
    let netns = NetnsIdentity {
        cookie: 9,
        inode: 7,
    };
    let unplaced = NetnsIdentity::default();
    let mut search = Search::default();
    assert!(!search.misses(netns), "some places stayed hidden");
    search.complete = true;
    assert!(search.misses(netns) && !search.misses(unplaced));
    search.found.insert(7);
    assert!(!search.misses(netns), "it was found");

    let mut search = Search::default();
    search.denied_by_kernel.insert(netns);
    assert!(search.misses(netns));
    search.kept.insert(7);
    assert!(!search.misses(netns), "a socket keeps it");
    search.kept.clear();
    let successor = NetnsIdentity {
        cookie: 10,
        ..netns
    };
    assert!(!search.misses(successor), "another with its inode");
}
