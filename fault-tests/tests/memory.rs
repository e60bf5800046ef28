//! An exploration holds no more memory than it may, and says so when that ends it.

mod command;

use command::Folder;
use fault_tests::explore::{ANY, Exploration, Limits, explore};
use fault_tests::ota::{self, Policy};
use sim_flash::{Level, Profile};

/// Explores the scenario `smallest`.
fn explored(policy: &str, limits: &Limits) -> Exploration {
    let profile = Profile::w25q64jv();
    let policy: Policy = policy.parse().expect("a policy");
    let scenario = ota::find("smallest").expect("a scenario");
    let setup = scenario.bundled(&profile).under(policy);
    let setup = setup.unwrap_or_else(|why| panic!("{}", why.0));
    explore(&setup.device, &profile, &setup.starts, limits, &|_| {})
}

fn limits(level: Level, cuts: u32) -> Limits {
    Limits {
        level,
        cuts,
        ..Limits::default()
    }
}

/// A figure in KiB of what the system says of this process.
#[cfg(target_os = "linux")]
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(name));
    let figure = line.and_then(|line| line.split_whitespace().nth(1));
    figure.and_then(|kib| kib.parse().ok()).expect("a figure")
}

/// What is counted is what the system gives, within a factor of two. The largest exploration comes last: memory that
/// one leaves behind is used by the next.
#[cfg(target_os = "linux")]
#[test]
fn what_is_counted_is_near_what_the_system_gives() {
    for (policy, limits) in [
        ("hardened", limits(Level::L3, 2)),
        ("hardened-4-2", limits(Level::L0, ANY)),
    ] {
        std::fs::write("/proc/self/clear_refs", "5").expect("the mark is set back");
        let before = status("VmRSS");
        let explored = explored(policy, &limits);
        let measured = (status("VmHWM") - before) * 1024;
        let counted = explored.memory;
        assert!(!explored.exhausted, "{:?}", explored.stopped);
        println!("{policy}: {counted} bytes counted, {measured} measured");
        let factor = counted.max(measured) / counted.min(measured).max(1);
        assert!(
            factor < 2,
            "{policy}: {counted} counted, {measured} measured"
        );
    }
}

/// The same at every number of threads, on the screen and for machines; and it says how to give it more.
#[test]
fn an_exploration_that_holds_too_much_is_inconclusive_and_says_so() {
    let folder = Folder::new("memory");
    folder.file("out.json", b"");
    let told = ["1", "3"].map(|jobs| {
        let args = [
            "sweep",
            "--scenario",
            "smallest",
            "--level",
            "L3",
            "--memory",
            "12MiB",
            "--jobs",
            jobs,
            "--json",
            "out.json",
        ];
        let output = folder.run(&args);
        assert_eq!(output.status.code(), Some(6), "{output:?}");
        let screen = String::from_utf8(output.stdout).expect("text in UTF-8");
        // Its lines are 80 columns wide.
        let words: Vec<&str> = screen.split_whitespace().collect();
        assert!(
            { words.join(" ") }.contains(
                "INCONCLUSIVE in smallest: the memory it may hold ran out (--memory 4GiB gives more)"
            ),
            "{screen}"
        );
        let json = std::fs::read_to_string(folder.0.join("out.json")).expect("a file");
        let line: serde_json::Value = serde_json::from_str(json.trim()).expect("a line of JSON");
        assert_eq!(line["stopped_by"], "memory");
        assert_eq!(line["verdict"], "INCONCLUSIVE");
        let counts = ["crash_states", "distinct_states", "boots", "audited"];
        counts.map(|count| line[count].as_u64())
    });
    assert_eq!(told[0], told[1]);
}

#[test]
fn a_limit_that_is_no_number_of_bytes_is_refused() {
    let folder = Folder::new("memory-refused");
    for wrong in ["0", "2GB", "99999999999999GiB"] {
        let refused = folder.refused(&["sweep", "--memory", wrong]);
        let expected = format!("found \"{wrong}\", expected bytes such as 500MiB or 4GiB");
        assert!(
            refused.contains(&expected) && refused.contains("exit 2"),
            "{refused}"
        );
    }
}
