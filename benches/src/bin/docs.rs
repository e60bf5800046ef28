//! Writes the documents that are made of measurements.

use std::io;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let chips = benches::device::measure();
    std::fs::create_dir_all("benches/docs")?;
    std::fs::write(
        "benches/docs/throughput.md",
        benches::device::report(&chips),
    )?;
    std::fs::write(
        "benches/docs/throughput.svg",
        benches::device::plot(&chips)?,
    )?;
    io::Write::write_all(
        &mut io::stdout(),
        benches::device::headline(&chips).as_bytes(),
    )?;
    Ok(())
}
