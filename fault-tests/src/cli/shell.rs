//! What belongs to a shell: completions, man pages, words as they are typed.

use std::path::Path;

use clap::CommandFactory as _;

use super::Usage;
use super::args::{Cli, CompletionsArgs, FirmwareArgs, ManArgs};
use super::stdout;
use crate::inspect::shown::quoted;
use crate::output::{self, Output};

pub(super) fn completions(args: &CompletionsArgs) -> Result<u8, Usage> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "brownout", &mut script);
    stdout::write(&script)?;
    Ok(0)
}

pub(super) fn man(args: &ManArgs) -> Result<u8, Usage> {
    let mut command = Cli::command();
    command.build();
    let Some(folder) = &args.folder else {
        stdout::write(&page(command)?)?;
        return Ok(0);
    };
    output::check_folder(folder).map_err(Usage::new)?;
    let mut pages = vec![("brownout".to_owned(), command.clone())];
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        // `build` has named it `brownout-sweep`.
        let name = sub.get_display_name().unwrap_or(sub.get_name());
        pages.push((name.to_owned(), sub.clone()));
    }
    for (name, command) in pages {
        let path = folder.join(name).with_extension("1");
        let output = Output::prepare(&path, &[]).map_err(Usage::new)?;
        output.write(&page(command)?).map_err(Usage::new)?;
    }
    Ok(0)
}

fn page(command: clap::Command) -> Result<Vec<u8>, Usage> {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut page);
    rendered.map_err(Usage::new)?;
    Ok(page)
}

/// The flags with which `brownout replay` finds the same device again, as they are typed.
pub(super) fn replay_flags(args: &FirmwareArgs) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut flag = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.push(format!("{name} {}", quoted(&value)));
        }
    };
    let file = |path: &Option<std::path::PathBuf>| path.as_deref().map(shown);
    let address = |at: u32| format!("{at:#x}");
    flag("--table", file(&args.table));
    flag("--running", file(&args.running));
    flag("--dump", file(&args.dump.dump));
    flag("--update", file(&args.update));
    flag("--chip", args.dump.chip.clone());
    flag(
        "--flash-size",
        args.dump.flash_size.map(|mib| mib.to_string()),
    );
    let csv = &args.csv;
    let moved =
        Some(csv.table_offset).filter(|at| *at != ota_core::partition::DEFAULT_TABLE_OFFSET);
    flag("--table-offset", moved.map(address));
    flag(
        "--primary-bootloader-offset",
        csv.primary_bootloader_offset.map(address),
    );
    flag(
        "--recovery-bootloader-offset",
        csv.recovery_bootloader_offset.map(address),
    );
    if args.dump.no_rollback {
        words.push("--no-rollback".into());
    }
    words.join(" ")
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!(quoted("build/v1.bin"), "build/v1.bin");
        assert_eq!(quoted("my v1.bin"), "'my v1.bin'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
