//! Reading the file, and the files it names, again and again: a certificate that is replaced is used
//! from the next connection on.

use std::fs::File as OsFile;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::file::{self, File, LARGEST, Pem, TlsSettings};
use super::{WebConfig, Wrong, build};

/// The bytes a configuration is made of: as long as they are the same, it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Material {
    text: String,
    pub(super) tls: Option<TlsPem>,
}

/// The PEM texts of [`TlsSettings`].
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct TlsPem {
    pub(in super::super) certificate: Vec<u8>,
    pub(in super::super) key: Vec<u8>,
    pub(in super::super) client_ca: Option<Vec<u8>>,
}

/// A file that is read for every request and every connection.
///
/// The agent gives up its privileges after it has read it for the first time. What it may not read any
/// more stays as it was then, which is logged once; everything else that is wrong later is an error, as
/// the toolkit has it: nobody gets in by a rule that is not the file's.
#[derive(Debug)]
pub(in super::super) struct Source {
    path: PathBuf,
    is_tls: AtomicBool,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    material: Material,
    file: Arc<File>,
    config: Arc<WebConfig>,
    /// What was complained of already, so that a scrape a second is not a line a second.
    complaint: Option<Wrong>,
}

impl Source {
    /// Reads it for the first time.
    ///
    /// # Errors
    ///
    /// It cannot be used.
    pub(in super::super) fn open(path: &Path) -> Result<Self, Wrong> {
        let text = read_text(path)?;
        let file = Arc::new(file::parse(path, &text)?);
        let tls = file.tls.as_ref().map(read_pem).transpose()?;
        let material = Material { text, tls };
        let config = Arc::new(build(&file, &material)?);
        let last = Mutex::new(Last {
            material,
            file,
            config: Arc::clone(&config),
            complaint: None,
        });
        Ok(Self {
            path: path.to_owned(),
            is_tls: AtomicBool::new(config.tls.is_some()),
            last,
        })
    }

    /// Whether they wanted TLS when they could be used last. Never blocks.
    pub(in super::super) fn is_tls(&self) -> bool {
        self.is_tls.load(Ordering::Relaxed)
    }

    /// What the files say now. Blocks for as long as reading them takes.
    ///
    /// # Errors
    ///
    /// They cannot be used as they are now. It is logged when it begins.
    pub(in super::super) fn now(&self) -> Result<Arc<WebConfig>, Wrong> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match self.refresh(&mut last) {
            Ok(()) => {
                if last.complaint.take().is_some() {
                    log::info!("{}: it can be used again", self.path.display());
                }
                Ok(Arc::clone(&last.config))
            }
            Err(wrong) => {
                let is_new = last.complaint.as_ref() != Some(&wrong);
                last.complaint = Some(wrong.clone());
                if wrong.is_denied {
                    if is_new {
                        log::warn!(
                            "{wrong}; what was read at the start stays in use, and a certificate that is \
                             replaced takes effect at the next start only: let the agent's user read it"
                        );
                    }
                    return Ok(Arc::clone(&last.config));
                }
                if is_new {
                    log::error!("{wrong}; no request is answered until that is mended");
                }
                Err(wrong)
            }
        }
    }

    fn refresh(&self, last: &mut Last) -> Result<(), Wrong> {
        let text = read_text(&self.path)?;
        let file = if text == last.material.text {
            Arc::clone(&last.file)
        } else {
            Arc::new(file::parse(&self.path, &text)?)
        };
        let tls = file.tls.as_ref().map(read_pem).transpose()?;
        let material = Material { text, tls };
        if material != last.material {
            // Built before anything is replaced: half of it would be neither the old nor the new.
            let config = Arc::new(build(&file, &material)?);
            log::info!("{}: what it says has changed", self.path.display());
            self.is_tls.store(config.tls.is_some(), Ordering::Relaxed);
            last.material = material;
            last.file = file;
            last.config = config;
        }
        Ok(())
    }
}

fn read_text(path: &Path) -> Result<String, Wrong> {
    let bytes = read(path)?;
    String::from_utf8(bytes).map_err(|_| Wrong::new(path, None, "is not UTF-8"))
}

fn read_pem(settings: &TlsSettings) -> Result<TlsPem, Wrong> {
    let read = |pem: &Pem| match pem {
        Pem::Inline(text) => Ok(text.clone().into_bytes()),
        Pem::At(path) => read(path),
    };
    Ok(TlsPem {
        certificate: read(&settings.certificate)?,
        key: read(&settings.key)?,
        client_ca: settings.client_ca.as_ref().map(read).transpose()?,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Wrong> {
    let unreadable = |error: std::io::Error| Wrong::unreadable(path, &error);
    let mut bytes = Vec::new();
    let file = OsFile::open(path).map_err(unreadable)?;
    // A fifo or a device would never end, or never begin.
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(Wrong::new(path, None, "is no file"));
    }
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Wrong::new(
            path,
            None,
            "has more than 1 MiB: that is something else",
        ));
    }
    Ok(bytes)
}
