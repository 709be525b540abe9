//! Paths as the systems named in the parent module make them.

use super::*;

const A: &str = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
const B: &str = "b81c4d6c4b3f7f6b0a5b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f";
const POD: &str = "74c13223-5a00-11e9-b385-42010a80018d";

/// Path, unit, runtime and id of the container, pod. `{A}`, `{B}`, `{POD}` are the constants,
/// `{P_D}` the pod with `_`.
type Row = (
    &'static str,
    Option<&'static str>,
    Option<(Option<&'static str>, &'static str)>,
    Option<&'static str>,
);

fn check(rows: &[Row]) {
    let fill = |text: &str| {
        text.replace("{A}", A)
            .replace("{B}", B)
            .replace("{POD}", POD)
            .replace("{P_D}", &POD.replace('-', "_"))
    };
    for (path, unit, container, pod) in rows {
        let expected = Identity {
            unit: unit.map(fill),
            container: container.map(|(runtime, id)| ContainerId {
                runtime,
                id: fill(id),
            }),
            pod: pod.map(fill),
        };
        assert_eq!(Identity::from_path(&fill(path)), expected, "{path}");
    }
}

#[test]
fn systemd() {
    check(&[
        ("", None, None, None),
        ("/", None, None, None),
        ("/init.scope", Some("init.scope"), None, None),
        ("/system.slice", None, None, None),
        (
            "/system.slice/nginx.service",
            Some("nginx.service"),
            None,
            None,
        ),
        (
            "/system.slice/nginx.service (deleted)",
            Some("nginx.service"),
            None,
            None,
        ),
        (
            "/../../system.slice/nginx.service",
            Some("nginx.service"),
            None,
            None,
        ),
        (
            "/system.slice/system-getty.slice/getty@tty1.service",
            Some("getty@tty1.service"),
            None,
            None,
        ),
        (
            "/system.slice/dev-disk-by\\x2dlabel-x.swap",
            Some("dev-disk-by\\x2dlabel-x.swap"),
            None,
            None,
        ),
        (
            "/system.slice/_cpu.service",
            Some("cpu.service"),
            None,
            None,
        ),
        ("/system.slice/sshd.socket", Some("sshd.socket"), None, None),
        (
            "/system.slice/containerd.service/worker",
            Some("containerd.service"),
            None,
            None,
        ),
        (
            "/user.slice/user-1000.slice/session-3.scope",
            Some("session-3.scope"),
            None,
            None,
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service",
            Some("foo.service"),
            None,
            None,
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/init.scope",
            Some("init.scope"),
            None,
            None,
        ),
    ]);
}

#[test]
fn docker() {
    let docker = Some((Some("docker"), "{A}"));
    check(&[
        (
            "/system.slice/docker-{A}.scope",
            Some("docker-{A}.scope"),
            docker,
            None,
        ),
        ("/docker/{A}", None, docker, None),
        (
            "/system.slice/docker.service/docker/{A}",
            Some("docker.service"),
            docker,
            None,
        ),
        ("/system.slice:docker:{A}", None, docker, None),
        ("/{A}", None, Some((None, "{A}")), None),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{A}.scope",
            Some("docker-{A}.scope"),
            docker,
            None,
        ),
        (
            "/system.slice/docker-{A}.scope/system.slice/nginx.service",
            Some("nginx.service"),
            docker,
            None,
        ),
    ]);
}

#[test]
fn kubernetes() {
    let containerd = Some((Some("containerd"), "{A}"));
    let pod = Some("{POD}");
    check(&[
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{P_D}.slice/cri-containerd-{A}.scope",
            Some("cri-containerd-{A}.scope"),
            containerd,
            pod,
        ),
        (
            "/kubepods.slice/kubepods-pod{P_D}.slice/docker-{A}.scope",
            Some("docker-{A}.scope"),
            Some((Some("docker"), "{A}")),
            pod,
        ),
        (
            "/kubepods/besteffort/pod{POD}/{A}",
            None,
            Some((None, "{A}")),
            pod,
        ),
        ("/kubepods/pod{POD}", None, None, pod),
        (
            "/system.slice/containerd.service/kubepods-besteffort-pod{P_D}.slice:cri-containerd:{A}",
            Some("containerd.service"),
            containerd,
            pod,
        ),
        (
            "/kubepods/burstable/pod0123456789abcdef0123456789abcdef/{A}",
            None,
            Some((None, "{A}")),
            Some("0123456789abcdef0123456789abcdef"),
        ),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{P_D}.slice/crio-{A}.scope/container",
            Some("crio-{A}.scope"),
            Some((Some("cri-o"), "{A}")),
            pod,
        ),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{P_D}.slice/crio-conmon-{A}.scope",
            Some("crio-conmon-{A}.scope"),
            None,
            pod,
        ),
        (
            "/kubepods/pod{POD}/crio-{A}",
            None,
            Some((Some("cri-o"), "{A}")),
            pod,
        ),
        ("/kubepods/pod{POD}/crio-conmon-{A}", None, None, pod),
    ]);
}

#[test]
fn podman() {
    let podman = Some((Some("podman"), "{A}"));
    check(&[
        (
            "/machine.slice/libpod-{A}.scope",
            Some("libpod-{A}.scope"),
            podman,
            None,
        ),
        (
            "/machine.slice/libpod-{A}.scope/container",
            Some("libpod-{A}.scope"),
            podman,
            None,
        ),
        (
            "/machine.slice/libpod-conmon-{A}.scope",
            Some("libpod-conmon-{A}.scope"),
            None,
            None,
        ),
        (
            "/machine.slice/machine-libpod_pod_{B}.slice/libpod-{A}.scope",
            Some("libpod-{A}.scope"),
            podman,
            None,
        ),
        ("/libpod_parent/libpod-{A}", None, podman, None),
        ("/libpod_parent/conmon", None, None, None),
        (
            "/user.slice/user-0.slice/session-3.scope/libpod-payload-{A}",
            Some("session-3.scope"),
            podman,
            None,
        ),
    ]);
}

/// Rootless containers live below the user's own systemd; what a runtime puts inside a container's
/// group is still in the container.
#[test]
fn users_and_what_is_inside_of_containers() {
    let podman = Some((Some("podman"), "{A}"));
    check(&[
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope/container",
            Some("libpod-{A}.scope"),
            podman,
            None,
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-web-4711.scope",
            Some("app-web-4711.scope"),
            None,
            None,
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/web.service/libpod-payload-{A}",
            Some("web.service"),
            podman,
            None,
        ),
        (
            "/system.slice/docker-{A}.scope/init.scope",
            Some("init.scope"),
            Some((Some("docker"), "{A}")),
            None,
        ),
        (
            "/system.slice/nerdctl-{A}.scope",
            Some("nerdctl-{A}.scope"),
            Some((Some("containerd"), "{A}")),
            None,
        ),
        // containerd without a prefix: the parent is its namespace.
        ("/default/{A}", None, Some((None, "{A}")), None),
    ]);
}

/// A cluster in containers of Docker (kind), and Docker in Docker, on versions 1 and 2.
#[test]
fn clusters_in_containers() {
    let inner = |runtime| Some((runtime, "{B}"));
    check(&[
        (
            "/docker/{A}/kubelet/kubepods/besteffort/pod{POD}/{B}",
            None,
            inner(None),
            Some("{POD}"),
        ),
        (
            "/docker/{A}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/\
             kubelet-kubepods-burstable-pod{P_D}.slice/cri-containerd-{B}.scope",
            Some("cri-containerd-{B}.scope"),
            inner(Some("containerd")),
            Some("{POD}"),
        ),
        (
            "/system.slice/docker-{A}.scope/docker/{B}",
            Some("docker-{A}.scope"),
            inner(Some("docker")),
            None,
        ),
        (
            "/kubepods.slice/kubepods-pod{P_D}.slice/cri-containerd-{A}.scope/docker/{B}",
            Some("cri-containerd-{A}.scope"),
            inner(Some("docker")),
            Some("{POD}"),
        ),
        (
            "/kubepods.slice/kubepods-burstable.slice/\
             kubepods-burstable-pod0123456789abcdef0123456789abcdef.slice/crio-{B}.scope",
            Some("crio-{B}.scope"),
            inner(Some("cri-o")),
            Some("0123456789abcdef0123456789abcdef"),
        ),
    ]);
}

#[test]
fn lxc_and_ecs() {
    let web = Some((Some("lxc"), "web"));
    check(&[
        ("/lxc/web", None, web, None),
        (
            "/lxc/web/ns/system.slice/nginx.service",
            Some("nginx.service"),
            web,
            None,
        ),
        ("/lxc.payload/web", None, web, None),
        (
            "/lxc.payload.web/system.slice/nginx.service",
            Some("nginx.service"),
            web,
            None,
        ),
        ("/lxc.monitor.web", None, None, None),
        ("/lxc.monitor/web", None, None, None),
        ("/lxc", None, None, None),
        ("/lxc.payload.", None, None, None),
        (
            "/ecs/0123456789abcdef0123456789abcdef/{A}",
            None,
            Some((None, "{A}")),
            None,
        ),
        (
            "/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-42",
            None,
            Some((Some("ecs"), "0123456789abcdef0123456789abcdef-42")),
            None,
        ),
        ("/ecs/a/b-42", None, None, None),
    ]);
}

#[test]
fn the_innermost_container_wins() {
    check(&[
        (
            "/system.slice/docker-{A}.scope/kubelet.slice/\
             kubelet-kubepods.slice/kubelet-kubepods-pod{P_D}.slice/cri-containerd-{B}.scope",
            Some("cri-containerd-{B}.scope"),
            Some((Some("containerd"), "{B}")),
            Some("{POD}"),
        ),
        (
            "/docker/{A}/docker/{B}",
            None,
            Some((Some("docker"), "{B}")),
            None,
        ),
        (
            "/lxc/web/docker/{B}",
            None,
            Some((Some("docker"), "{B}")),
            None,
        ),
    ]);
}

#[test]
fn hostile_names_say_nothing() {
    check(&[
        ("/.service", None, None, None),
        ("/_.service", None, None, None),
        ("/a b.service", None, None, None),
        ("/a\u{1b}[2J.service", None, None, None),
        ("/a\nx.service", None, None, None),
        ("/a\"}.service", None, None, None),
        ("/größe.service", None, None, None),
        ("/nginx.service.slice", None, None, None),
        ("/docker-.scope/docker-", Some("docker-.scope"), None, None),
        ("/docker/x{A}", None, None, None),
        ("/docker/{A}0", None, None, None),
        ("/ü{A}", None, None, None),
        (
            "/docker/4F797C539E6C745DE61A93CA3FF892358ECBCACCD8414D5DB545C38428142970",
            None,
            None,
            None,
        ),
        (
            "/docker/ü797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970",
            None,
            None,
            None,
        ),
        ("/pod", None, None, None),
        ("/pod../x", None, None, None),
        ("/pod74c13223-5a00-11e9-b385-42010a80018", None, None, None),
        ("/pod74c132235a00-11e9-b385-42010a80018d", None, None, None),
        ("/app-pod{POD}", None, None, None),
        ("/lxc/..", None, None, None),
        ("/lxc/a b", None, None, None),
        ("////", None, None, None),
        (":::", None, None, None),
    ]);
    let long = format!("/{}.service", "a".repeat(MAX_NAME));
    assert_eq!(Identity::from_path(&long), Identity::default());
}

proptest::proptest! {
    #[test]
    fn no_path_panics(path in "(?s)(/?(docker|pod|lxc|kubepods-pod|crio-conmon-)?.{0,70}(.scope|.slice|:)?){0,5}") {
        let identity = Identity::from_path(&path);
        let container = identity.container.map(|c| c.id);
        for text in [identity.unit, container, identity.pod].into_iter().flatten() {
            proptest::prop_assert!(is_name(&text), "{text}");
        }
    }
}

#[test]
fn every_hierarchy_of_version_1_may_tell() {
    let id = "0123456789abcdef".repeat(4);
    let text = format!(
        "9:name=systemd:/system.slice/docker.service\n4:memory:/docker/{id}\n2:cpu,cpuacct:/\n0::/\nodd"
    );
    let identity = Identity::from_proc(&text);
    assert_eq!(identity.unit.as_deref(), Some("docker.service"));
    assert_eq!(identity.container.map(|container| container.id), Some(id));
    assert_eq!(Identity::from_proc(""), Identity::default());
}
