//! What the path of a control group says about its processes: systemd unit, container, pod.
//!
//! The path is the last field of a line of `/proc/PID/cgroup`, or what is below the mount point of
//! the hierarchy. Where the names come from:
//!
//! - systemd: `systemd.unit(5)` for units, `cg_escape()` of `src/basic/cgroup-util.c` for the `_` in
//!   front of names that the kernel could take for its own files.
//! - runc and crun with the systemd driver: `PREFIX-ID.scope` (runc `docs/systemd.md`), where Docker's
//!   prefix is `docker`, containerd's CRI plugin's `cri-containerd`, CRI-O's `crio`, Podman's
//!   `libpod`, nerdctl's `nerdctl`. With the cgroupfs driver: `/PARENT/ID`.
//! - A path in systemd's notation given to a runtime that does not use systemd becomes one directory,
//!   `SLICE:PREFIX:ID`.
//! - conmon, which watches a container from outside, in `PREFIX-conmon-ID.scope`: it is not in the
//!   container.
//! - Kubernetes: `pkg/kubelet/cm/cgroup_manager_linux.go`, `podUID` with `_` for `-` below systemd; a
//!   static pod's uid is a digest without dashes.
//! - LXC: `/lxc.payload.NAME`, `/lxc.payload/NAME` and, before LXC 4, `/lxc/NAME`
//!   (`lxc.container.conf(5)`).
//! - Amazon ECS: `/ecs/TASK/ID`, on Fargate with an id of the form `TASK-NUMBER`.
//!
//! Containers nest, and so do systemd instances: what is nearest to the process wins. A path is no
//! proof. Whoever a subtree is delegated to names the groups in it at will, within the characters
//! accepted here.

/// Longest name of a unit (`UNIT_NAME_MAX` of systemd) or a container, in bytes.
const MAX_NAME: usize = 255;

/// Suffixes of units that hold processes. A slice only groups other units.
const UNIT_SUFFIXES: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];

/// Runtimes by the prefix they put before the id, or by the parent directory.
const RUNTIMES: [(&str, &str); 7] = [
    ("docker", "docker"),
    ("cri-containerd", "containerd"),
    ("containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("crio", "cri-o"),
    ("libpod", "podman"),
    ("libpod-payload", "podman"),
];

/// Who the processes of a control group are. Every text is made of ASCII letters, digits and
/// `:-_.\@`, at most 255 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identity {
    /// systemd unit with its suffix; the innermost one, so the user's unit rather than
    /// `user@1000.service`.
    pub unit: Option<String>,
    /// The innermost container.
    pub container: Option<ContainerId>,
    /// Uid of the Kubernetes pod, as the API shows it.
    pub pod: Option<String>,
}

/// A container as its runtime names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerId {
    /// `docker`, `containerd`, `cri-o`, `podman`, `lxc` or `ecs`; `None` where the path does not
    /// tell.
    pub runtime: Option<&'static str>,
    /// 64 hexadecimal digits; the name for `lxc`, and what the agent made up for `ecs`.
    pub id: String,
}

impl Identity {
    /// Reads the path of a control group, of version 1 or 2. A path that says nothing gives an
    /// empty identity.
    #[must_use]
    pub fn from_path(path: &str) -> Self {
        // The kernel's mark for a group removed under its process (cgroups(7)).
        let path = path.strip_suffix(" (deleted)").unwrap_or(path);
        let mut identity = Self::default();
        let mut parents = ["", ""];
        for element in path.split('/').filter(|element| !element.is_empty()) {
            if let Some(unit) = unit(element) {
                identity.unit = Some(unit.to_owned());
            }
            if let Some(pod) = pod(element) {
                identity.pod = Some(pod);
            }
            if let Some(container) = container(element, parents) {
                identity.container = Some(container);
            }
            parents = [parents[1], element];
        }
        identity
    }

    /// Reads `/proc/PID/cgroup` (cgroups(7)): where version 1 is in use, each hierarchy may tell
    /// something the others do not. The first that tells is taken.
    #[must_use]
    pub fn from_proc(text: &str) -> Self {
        let mut identity = Self::default();
        for path in text.lines().filter_map(|line| line.splitn(3, ':').nth(2)) {
            let told = Self::from_path(path);
            identity.unit = identity.unit.or(told.unit);
            identity.container = identity.container.or(told.container);
            identity.pod = identity.pod.or(told.pod);
        }
        identity
    }
}

/// Whether a unit that holds processes can have this name.
#[must_use]
pub fn is_unit(name: &str) -> bool {
    unit(name) == Some(name)
}

/// The unit whose group is called `element`.
fn unit(element: &str) -> Option<&str> {
    let name = element.strip_prefix('_').unwrap_or(element);
    let stem = UNIT_SUFFIXES
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))?;
    (!stem.is_empty() && is_name(name)).then_some(name)
}

/// The characters of a unit name (`VALID_CHARS_WITH_AT` of systemd's `unit-name.c`).
fn is_name(text: &str) -> bool {
    let valid = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(valid)
}

/// The uid of the pod whose group is called `element`: `podUID`, `kubepods-burstable-podUID.slice`
/// or the latter before `:cri-containerd:ID`.
fn pod(element: &str) -> Option<String> {
    let (name, _) = element.split_once(':').unwrap_or((element, ""));
    let name = name.strip_suffix(".slice").unwrap_or(name);
    let uid = match name.rsplit_once("-pod") {
        Some((parent, uid)) if parent.contains("kubepods") => uid,
        Some(_) => return None,
        None => name.strip_prefix("pod")?,
    };
    let uid = uid.replace('_', "-");
    let digest = uid.len() == 32 && is_hex(&uid);
    (digest || is_uuid(&uid)).then_some(uid)
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().all(|part| is_hex(part))
        && parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The container whose group is called `element`, below a directory and its parent.
fn container(element: &str, [grandparent, parent]: [&str; 2]) -> Option<ContainerId> {
    hex_container(element, parent)
        .or_else(|| lxc(element, parent))
        .or_else(|| (grandparent == "ecs").then(|| fargate(element, parent))?)
}

/// `ID`, `PREFIX-ID`, `PREFIX-ID.scope` or `SLICE:PREFIX:ID` with an id of 64 hexadecimal digits.
fn hex_container(element: &str, parent: &str) -> Option<ContainerId> {
    let name = element.strip_suffix(".scope").unwrap_or(element);
    let (before, id) = name.split_at_checked(name.len().checked_sub(64)?)?;
    if !is_hex(id) {
        return None;
    }
    let prefix = match before.strip_suffix(['-', ':']) {
        Some(prefix) => prefix.rsplit(':').next().unwrap_or(prefix),
        None if before.is_empty() => parent,
        None => return None,
    };
    // What watches a container is not in it; a pod of Podman is a group of containers.
    let outside = prefix == "conmon" || prefix.ends_with("-conmon");
    (!outside).then(|| ContainerId {
        runtime: runtime(prefix),
        id: id.to_owned(),
    })
}

fn runtime(prefix: &str) -> Option<&'static str> {
    let known = RUNTIMES.iter().find(|(name, _)| *name == prefix);
    known.map(|(_, runtime)| *runtime)
}

/// The container of LXC or LXD; its monitor, in `lxc.monitor`, is outside.
fn lxc(element: &str, parent: &str) -> Option<ContainerId> {
    let name = match parent {
        "lxc" | "lxc.payload" => element,
        _ => element.strip_prefix("lxc.payload.")?,
    };
    (is_name(name) && name != "." && name != "..").then(|| ContainerId {
        runtime: Some("lxc"),
        id: name.to_owned(),
    })
}

/// `TASK-NUMBER` below `/ecs/TASK`.
fn fargate(element: &str, parent: &str) -> Option<ContainerId> {
    let (task, number) = element.split_once('-')?;
    let is_task = task == parent && task.len() == 32 && is_hex(task);
    let is_number = (1..=20).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    (is_task && is_number).then(|| ContainerId {
        runtime: Some("ecs"),
        id: element.to_owned(),
    })
}

#[cfg(test)]
mod tests;
