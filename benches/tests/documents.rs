//! What the documents say of costs is what the code costs.

use std::fs;

#[test]
fn no_document_is_out_of_date() {
    for document in benches::documents::all().unwrap() {
        let path = document.path.display();
        let text = fs::read_to_string(&document.path).unwrap_or_default();
        let mut lines = (1..).zip(text.lines().zip(document.text.lines()));
        let differs = lines.find(|(_, (is, should))| is != should);
        assert!(
            text == document.text,
            "{path} is out of date: {differs:?}\nrun cargo run --release -p benches --bin docs"
        );
    }
}
