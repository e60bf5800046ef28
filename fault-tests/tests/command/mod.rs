//! The `brownout` command, run in a folder of a test's own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of this test's own, gone when the test ends.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> &'static str {
        std::fs::write(self.0.join(name), bytes).expect("a file for the test");
        Box::leak(name.to_owned().into_boxed_str())
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brownout"));
        command
            .args(args)
            .current_dir(&self.0)
            .output()
            .expect("the command runs")
    }

    /// Runs it, and returns its exit code and its message on standard error.
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let message = String::from_utf8(output.stderr).expect("a message in UTF-8");
        assert!(
            output.stdout.is_empty(),
            "{args:?} printed: {}",
            String::from_utf8_lossy(&output.stdout)
        );
        assert!(!message.contains("panicked"), "{message}");
        format!(
            "$ brownout {}\n{}exit {}\n",
            args.join(" "),
            message,
            output.status.code().unwrap_or(-1)
        )
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
