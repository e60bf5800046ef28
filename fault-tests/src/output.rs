//! Files that the command writes.
//!
//! | the path leads to | how it is written |
//! |---|---|
//! | nothing yet, or a regular file | beside it, then renamed over it: whole or not at all. The old file's mode and owner are kept |
//! | a device, a FIFO, a socket | as it is; it stays what it is |
//! | a descriptor (`/dev/fd/N`, `/dev/stdout`) | into what is open there, behind what is there already |
//! | a file that is also an input | not at all: [`Problem::AlsoInput`], before anything is written |
//!
//! Symbolic links are followed, so the file that is replaced is the one that they lead to, and they stay.

use std::fmt;
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A place that can be written to: [`Output::prepare`] has checked it, nothing is there yet.
#[derive(Debug)]
pub struct Output {
    /// The path as the user gave it.
    path: PathBuf,
    place: Place,
}

/// How a place is written to.
#[derive(Debug)]
enum Place {
    /// A regular file, or nothing yet.
    File {
        /// Where the path leads to.
        target: PathBuf,
        /// What is there.
        old: Option<Box<Metadata>>,
    },
    /// A device, a FIFO, an open descriptor.
    Open(File),
    /// This process's standard output.
    Stdout,
    /// This process's standard error.
    Stderr,
}

/// Why a file cannot be written.
#[derive(Debug)]
pub struct OutputError {
    /// The path as the user gave it.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a place to write to.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The operating system does not take it.
    #[error("cannot be written: {0}")]
    Unwritable(#[from] io::Error),
    /// No name of a file, as `..`.
    #[error("expected the name of a file")]
    NoName,
    /// A folder, where a file is to be.
    #[error("is a folder, expected the name of a file")]
    Folder,
    /// A file or nothing, where a folder is to be.
    #[error("expected a folder, found {0}")]
    NoFolder(&'static str),
    /// Writing it would destroy what is read.
    #[error("is also an input ({}); expected another file to write to", crate::inspect::shown::path(.0))]
    AlsoInput(PathBuf),
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}",
            crate::inspect::shown::path(&self.path),
            self.problem
        )
    }
}

impl std::error::Error for OutputError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.problem)
    }
}

impl Output {
    /// Makes sure, before a long run, that the file can be written after it. `inputs` are what the run reads; `-`
    /// among them is standard input. A FIFO is opened here, which waits for its reader.
    ///
    /// # Errors
    /// The place cannot be written to, or is one of the inputs.
    pub fn prepare(path: &Path, inputs: &[&Path]) -> Result<Self, OutputError> {
        let error = |problem| OutputError {
            path: path.to_owned(),
            problem,
        };
        let place = place(path, inputs).map_err(error)?;
        Ok(Self {
            path: path.to_owned(),
            place,
        })
    }

    /// Writes all of `bytes`. Whoever reads a pipe may have seen enough; then the rest is written nowhere.
    ///
    /// # Errors
    /// The place does not take it, as a full disk. A regular file is as it was then.
    pub fn write(self, bytes: &[u8]) -> Result<(), OutputError> {
        let written = match self.place {
            Place::File { target, old } => replace(&target, old.as_deref(), bytes),
            Place::Open(mut file) => { file.write_all(bytes) }.and_then(|()| file.flush()),
            Place::Stdout => flushed(io::stdout().lock(), bytes),
            Place::Stderr => flushed(io::stderr().lock(), bytes),
        };
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(OutputError {
                path: self.path,
                problem: error.into(),
            }),
            _ => Ok(()),
        }
    }
}

fn flushed(mut stream: impl io::Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}

/// Refuses a folder in which no file can be written.
///
/// # Errors
/// There is none, or it takes no file.
pub fn check_folder(path: &Path) -> Result<(), OutputError> {
    let check = || {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(Problem::NoFolder("a file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Problem::NoFolder("nothing of this name"));
            }
            Err(error) => return Err(error.into()),
        }
        beside(&path.join("case"))?;
        Ok(())
    };
    check().map_err(|problem| OutputError {
        path: path.to_owned(),
        problem,
    })
}

/// Refuses a standard output that is one of the inputs: what is printed would be written over what is read.
///
/// # Errors
/// It is one.
pub fn check_stdout(inputs: &[&Path]) -> Result<(), OutputError> {
    let stdout = Path::new("/dev/stdout");
    let Ok(found) = fs::metadata(stdout) else {
        return Ok(());
    };
    refuse_inputs(&found, inputs).map_err(|problem| OutputError {
        path: PathBuf::from("standard output"),
        problem,
    })
}

fn place(path: &Path, inputs: &[&Path]) -> Result<Place, Problem> {
    let target = match follow(path)? {
        Target::Path(target) => target,
        Target::Descriptor(path, number) => {
            refuse_inputs(&fs::metadata(&path)?, inputs)?;
            return Ok(match number {
                1 => Place::Stdout,
                2 => Place::Stderr,
                // Behind what others have written there.
                _ => Place::Open(File::options().append(true).open(path)?),
            });
        }
    };
    match fs::metadata(&target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            beside(&target)?;
            Ok(Place::File { target, old: None })
        }
        Err(error) => Err(error.into()),
        Ok(found) if found.is_dir() => Err(Problem::Folder),
        Ok(found) => {
            refuse_inputs(&found, inputs)?;
            let file = File::options().write(true).open(&target)?;
            if !found.is_file() {
                return Ok(Place::Open(file));
            }
            beside(&target)?;
            Ok(Place::File {
                target,
                old: Some(Box::new(found)),
            })
        }
    }
}

/// Where a path leads to.
enum Target {
    Path(PathBuf),
    /// An open descriptor, and its number.
    Descriptor(PathBuf, u32),
}

/// Follows symbolic links by hand, as the last of them may lead to nothing yet, and as a descriptor is a link too on
/// Linux, to a file that others have open and that must not be replaced.
fn follow(path: &Path) -> Result<Target, Problem> {
    /// As many as Linux follows.
    const MOST_LINKS: usize = 40;

    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let name = path.file_name().ok_or(Problem::NoName)?.to_owned();
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let folder = folder.canonicalize()?;
        path = folder.join(&name);
        if let Some(number) = descriptor(&folder, name.to_str()) {
            return Ok(Target::Descriptor(path, number));
        }
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => path = folder.join(fs::read_link(&path)?),
            _ => return Ok(Target::Path(path)),
        }
    }
    Err(io::Error::other("its symbolic links lead nowhere").into())
}

/// The descriptor that `name` in `folder` is, if it is one of this process: `/proc/PID/fd/N`, `/dev/fd/N`.
fn descriptor(folder: &Path, name: Option<&str>) -> Option<u32> {
    let own = |folder: &str| Path::new(folder).canonicalize().ok();
    let is_one = ["/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"]
        .iter()
        .any(|known| own(known).is_some_and(|known| known == folder));
    is_one.then(|| name?.parse().ok()).flatten()
}

/// Refuses a place that is one of the inputs. Reading from and writing to one terminal is no loss.
fn refuse_inputs(found: &Metadata, inputs: &[&Path]) -> Result<(), Problem> {
    if !found.is_file() && !is_block_device(found) {
        return Ok(());
    }
    for input in inputs {
        let stdin = *input == Path::new("-");
        let path = if stdin {
            Path::new("/dev/stdin")
        } else {
            *input
        };
        if fs::metadata(path).is_ok_and(|input| is_same(&input, found)) {
            return Err(Problem::AlsoInput((*input).to_owned()));
        }
    }
    Ok(())
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(unix)]
fn is_block_device(found: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    found.file_type().is_block_device()
}

/// Elsewhere the standard library does not tell files apart; equal files are taken for the same.
#[cfg(not(unix))]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    let of = |file: &Metadata| (file.len(), file.created().ok(), file.modified().ok());
    of(one) == of(other)
}

#[cfg(not(unix))]
fn is_block_device(_: &Metadata) -> bool {
    false
}

/// A file beside `target` that nobody has yet, gone when it is dropped.
fn beside(target: &Path) -> io::Result<NamedTempFile> {
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".brownout-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Less what the umask takes, as any new file.
        builder.permissions(Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

fn replace(target: &Path, old: Option<&Metadata>, bytes: &[u8]) -> io::Result<()> {
    let mut file = beside(target)?;
    file.write_all(bytes)?;
    if let Some(old) = old {
        keep_owner(file.path(), old);
        fs::set_permissions(file.path(), old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(target).map_err(|failed| failed.error)?;
    Ok(())
}

/// Only root can give files away. For others the file is theirs, as their group lets them replace it.
#[cfg(unix)]
fn keep_owner(path: &Path, old: &Metadata) {
    use std::os::unix::fs::MetadataExt as _;
    let _ = std::os::unix::fs::chown(path, Some(old.uid()), Some(old.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_: &Path, _: &Metadata) {}
