//! `tcpmon top` under random keys, sizes and live churn, in a real terminal. Some seconds by default,
//! `TCPMON_SOAK_SECONDS=3600` before a release; `TCPMON_SOAK_SEED` plays the same keys again.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::dice::{Dice, setting};
use crate::net::{abort, half_close, listener, pair};
use crate::place::{in_namespace, now_ns};
use crate::running::Agent;
use crate::tmux::Terminal;
use crate::world::{check, in_workplace, within};

const TOP: &str = env!("CARGO_BIN_EXE_tcpmon");
const SECOND_NS: u64 = 1_000_000_000;

/// All keys that do something but those that leave or stop the program, and some that do nothing.
const KEYS: [&str; 62] = [
    "h", "F1", "?", "Enter", "Enter", "Enter", "Escape", "BSpace", "Tab", "BTab", "1", "2", "3",
    "4", "5", "6", "7", "8", "Up", "k", "Down", "j", "PPage", "C-u", "NPage", "C-d", "Home", "g",
    "End", "G", "Left", "Right", "s", "F6", "S", "/", "Space", "f", "[", "]", "{", "}", "+", "-",
    "r", "F5", "m", "b", "x", "0", "9", "~", "C-x", "M-x", "IC", "DC", "C-a", "C-e", "F12", "C-l",
    "é", "日",
];
/// What is typed where a filter is: right, wrong and unfinished.
const TEXTS: [&str; 9] = [
    "/state close-wait",
    "/age > 1s and not pid = 1",
    "/dport = :443 or (state time-wait",
    "/proc ~ l",
    "/stat",
    "/\"",
    "/netns = 99999999999999",
    "/state = est and src = 127.0.0.0/8",
    "/((((((((((",
];
/// Sizes a window has on the way from one to another; some are too small for anything.
const SIZES: [(u16, u16); 9] = [
    (80, 24),
    (100, 30),
    (160, 50),
    (60, 12),
    (59, 11),
    (20, 5),
    (1, 1),
    (300, 90),
    (81, 13),
];
/// Between two looks at what the program made of the keys. Faster than anybody types; slow enough to
/// leave the machine to others.
const PACE: Duration = Duration::from_millis(40);
/// A program whose memory grows by more is not bounded: a quarter of an hour of history is some MiB.
const GROWTH_KIB: u64 = 64 << 10;

/// What happened to the program.
#[derive(Debug, Default)]
struct Tally {
    keys: u64,
    resizes: u64,
    frames: u64,
}

/// Connections that come and go in all ways, some of which linger, until `stop`.
fn churn(stop: &AtomicBool) {
    let listener = listener();
    let mut dice = Dice::new(7);
    let mut lingering: Vec<(TcpStream, TcpStream)> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let (client, server) = pair(&listener);
        match dice.below(6) {
            0 => abort(client),
            1 => {
                half_close(&client);
                lingering.push((client, server));
            }
            2 => lingering.push((client, server)),
            3 => drop((server, client)),
            _ => drop((client, server)),
        }
        if lingering.len() > 200 {
            lingering.swap_remove(dice.below(200));
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Resident memory in KiB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let words = line.expect("a line").trim().trim_end_matches(" kB");
    words.parse().expect("a number")
}

/// The one child of the shell that `top` runs in.
fn child_of(shell: u32) -> u32 {
    within(20, "the program in the terminal", || {
        let path = format!("/proc/{shell}/task/{shell}/children");
        let children = fs::read_to_string(path).unwrap_or_default();
        children.trim().parse().map_err(|_| children)
    })
}

/// One random thing somebody does to it.
fn disturb(terminal: &Terminal, dice: &mut Dice, tally: &mut Tally) {
    match dice.below(12) {
        0 => {
            let (width, height) = match dice.below(3) {
                0 => (1 + dice.below(250), 1 + dice.below(80)),
                _ => {
                    let (width, height) = SIZES[dice.below(SIZES.len())];
                    (width.into(), height.into())
                }
            };
            let narrow = |length: usize| u16::try_from(length).expect("small");
            terminal.resize(narrow(width), narrow(height));
            tally.resizes += 1;
        }
        1 => {
            let text = TEXTS[dice.below(TEXTS.len())];
            terminal.type_text(text);
            terminal.press(&["Enter"]);
            tally.keys += text.chars().count() as u64 + 1;
        }
        _ => {
            let count = 1 + dice.below(12);
            let keys: Vec<&str> = (0..count).map(|_| KEYS[dice.below(KEYS.len())]).collect();
            terminal.press(&keys);
            tally.keys += count as u64;
        }
    }
}

/// Looks at the screen: what is on it is harmless, and no panic's.
fn look(terminal: &Terminal, tally: &mut Tally) {
    let screen = terminal.screen();
    let is_plain = screen.chars().all(|c| c == '\n' || !c.is_control());
    assert!(is_plain, "{screen:?}");
    assert!(!screen.contains("panicked"), "{screen}");
    tally.frames += 1;
}

fn soak(agent: &Agent, place: &Path, seconds: u64, seed: u64) {
    let ended = place.join("ended");
    let socket = agent.socket();
    let (socket, path) = (socket.display(), ended.display());
    // Where the program ends, for whatever reason, it says so in a file.
    let errors = place.join("errors");
    let said = || fs::read_to_string(&errors).unwrap_or_default();
    let script = format!(
        "{TOP} top -d 500ms --socket {socket} 2> {}; echo code $? > {path}; read -r _",
        errors.display()
    );
    let Some(terminal) = Terminal::start((100, 30), &["/bin/sh", "-c", &script]) else {
        return;
    };
    terminal.shows(&["what is wrong"]);
    let top = child_of(terminal.pid());
    let (mut dice, mut tally) = (Dice::new(seed), Tally::default());
    let first = (resident(top), resident(agent.pid()));
    let (began_ns, mut reported_ns) = (now_ns(), now_ns());
    while now_ns() < began_ns + seconds * SECOND_NS {
        disturb(&terminal, &mut dice, &mut tally);
        thread::sleep(PACE);
        look(&terminal, &mut tally);
        let end = fs::read_to_string(&ended).unwrap_or_default();
        assert_eq!(end, "", "it ended: seed {seed}, {tally:?}: {}", said());
        if now_ns() > reported_ns + 300 * SECOND_NS {
            reported_ns = now_ns();
            eprintln!("so far {tally:?}, {} KiB", resident(top));
        }
    }
    let last = (resident(top), resident(agent.pid()));
    // In whatever state it is: Escape ends what is typed, and at most some pages. Both at once would be
    // another key.
    terminal.resize(100, 30);
    let mut keys = ["Escape", "q"].into_iter().cycle();
    within(30, "an orderly end", || {
        terminal.try_press(&keys.next().map_or([""; 1], |key| [key]));
        let end = fs::read_to_string(&ended).unwrap_or_default();
        check(end == "code 0\n", || end)
    });
    eprintln!(
        "soak: {seconds} s, seed {seed}: {} keys, {} resizes, {} frames looked at, 0 panics; \
         top {} -> {} KiB, agent {} -> {} KiB",
        tally.keys, tally.resizes, tally.frames, first.0, last.0, first.1, last.1
    );
    assert!(
        last.0 < first.0 + GROWTH_KIB,
        "top grew: {first:?} {last:?}"
    );
}

#[test]
fn random_keys_and_sizes_break_nothing() {
    let seconds = setting("TCPMON_SOAK_SECONDS", 5);
    let seed = setting("TCPMON_SOAK_SEED", 1);
    in_namespace(|_| {
        let place = tempfile::TempDir::new().expect("a directory");
        let agent = Agent::start(&[]);
        in_workplace(|_| {
            let stop = AtomicBool::new(false);
            thread::scope(|scope| {
                // Whatever happens, the churn ends with this.
                let _end = End(&stop);
                scope.spawn(|| churn(&stop));
                soak(&agent, place.path(), seconds, seed);
            });
        });
    });
}

/// Sets its flag when it goes.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
