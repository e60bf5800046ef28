//! Writes the documents that are made of measurements, and says which were out of date.

use std::error::Error;
use std::fs;

fn main() -> Result<(), Box<dyn Error>> {
    for document in benches::documents::measure().documents()? {
        let path = document.path;
        if fs::read_to_string(&path).is_ok_and(|text| text == document.text) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, document.text)?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
