//! Conformance vectors: what ESP-IDF's own code answered, or by its rules would, one JSON object per line.

/// One file of vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VectorFile {
    /// File name, for instance `otadata.jsonl`.
    pub name: &'static str,
    /// The file: one JSON object per line.
    pub text: &'static str,
}

/// The bundled vectors: `otadata.jsonl`, `image.jsonl` and `table.jsonl`, in this order.
///
/// Rows of `image.jsonl` start from a bundled [image](crate::IMAGES), rows of `table.jsonl` from the
/// binary of a bundled [table](crate::TABLES). Rows of `image.jsonl` that name a chip are made by rule and say so:
/// how large the MMU pages are of an image for a chip whose pages can be configured.
pub const fn vectors() -> &'static [VectorFile] {
    VECTORS
}

macro_rules! vector_file {
    ($name:literal) => {
        VectorFile {
            name: $name,
            text: include_str!(concat!("../vectors/", $name)),
        }
    };
}

static VECTORS: &[VectorFile] = &[
    vector_file!("otadata.jsonl"),
    vector_file!("image.jsonl"),
    vector_file!("table.jsonl"),
];
