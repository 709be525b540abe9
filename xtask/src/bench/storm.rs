//! Connections that come and go at a rate, in a network namespace of their own.

use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// The load while it lasts. Killed when dropped.
pub(super) struct Storm(Child);

impl Storm {
    /// So many connections a second, for so many seconds at most.
    pub(super) fn start(per_second: u64, seconds: u64) -> Result<Self> {
        const WORKERS: u64 = 2;
        let script = "ip link set lo up && exec \"$0\" load churn --workers \"$1\" \
                      --connections \"$2\" --per-second \"$3\"";
        let child = Command::new("unshare")
            .args(["--net", "--", "sh", "-c", script])
            .arg(std::env::current_exe()?)
            .arg(WORKERS.to_string())
            .arg((per_second * seconds / WORKERS).to_string())
            .arg(per_second.to_string())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot run `unshare`")?;
        Ok(Self(child))
    }

    /// Ends it; an error if it has ended by itself, for then too little was going on.
    pub(super) fn stop(mut self) -> Result<()> {
        if let Some(status) = self.0.try_wait()? {
            bail!("the load ended before the measurement did, with {status}");
        }
        Ok(())
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
