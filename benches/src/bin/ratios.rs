//! What everything costs, measured side by side in one process.

use std::collections::BTreeMap;

use benches::ratios::{Line, measure};
use clap::Parser;

/// What everything costs, next to the least that it has to do and to what others do.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// How often each thing is measured; the best time counts.
    #[arg(long, default_value_t = 200)]
    rounds: u32,
}

fn main() -> Result<(), serde_json::Error> {
    let args = Args::parse();
    let lines = measure(args.rounds);
    if args.json {
        let figures: BTreeMap<_, _> = lines.iter().filter_map(|line| line.key).collect();
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(());
    }
    println!("{:<40} {:<34} {:<10} against", "what", "measured", "goal");
    for Line {
        what,
        figure,
        goal,
        limit,
        ..
    } in lines
    {
        println!("{what:<40} {figure:<34} {goal:<10} {limit}");
    }
    Ok(())
}
