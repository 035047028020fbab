//! Names of blobs in the `ByteStream` service: `[instance/]blobs/[sha256/]HASH/SIZE` to read,
//! `[instance/]uploads/UUID/blobs/[sha256/]HASH/SIZE[/anything]` to write.

use muster_common::digest::Digest;

/// What a name to write says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriteName {
    /// Chosen by the writer; tells uploads of the same content apart.
    pub upload: String,
    /// The content.
    pub digest: Digest,
}

/// A resource name is not one of a blob.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not the name of a blob, {expected}")]
pub struct ParseNameError {
    name: String,
    expected: &'static str,
}

/// Name under which `digest` is read.
#[must_use]
pub fn read_name(digest: &Digest) -> String {
    format!("blobs/{digest}")
}

/// Name under which `digest` is written by the upload `upload`.
#[must_use]
pub fn write_name(upload: &uuid::Uuid, digest: &Digest) -> String {
    format!("uploads/{upload}/blobs/{digest}")
}

/// The digest that a name to read stands for.
///
/// # Errors
/// If it is not such a name.
pub fn parse_read_name(name: &str) -> Result<Digest, ParseNameError> {
    let error = || ParseNameError { name: shown(name), expected: "[instance/]blobs/HASH/SIZE" };
    let parts: Vec<&str> = name.split('/').collect();
    let blobs = parts.iter().position(|part| *part == "blobs").ok_or_else(error)?;
    match digest_at(&parts[blobs + 1..]) {
        Some((digest, [])) => Ok(digest),
        Some(_) | None => Err(error()),
    }
}

/// The upload and digest that a name to write stands for.
///
/// # Errors
/// If it is not such a name.
pub fn parse_write_name(name: &str) -> Result<WriteName, ParseNameError> {
    let error = || ParseNameError { name: shown(name), expected: "[instance/]uploads/UUID/blobs/HASH/SIZE" };
    let parts: Vec<&str> = name.split('/').collect();
    let uploads = parts.iter().position(|part| *part == "uploads").ok_or_else(error)?;
    match &parts[uploads + 1..] {
        [upload, "blobs", rest @ ..] if (1..=UPLOAD_NAME_BYTES_MAX).contains(&upload.len()) => {
            let (digest, _) = digest_at(rest).ok_or_else(error)?;
            Ok(WriteName { upload: (*upload).to_owned(), digest })
        }
        _ => Err(error()),
    }
}

fn digest_at<'a>(parts: &'a [&'a str]) -> Option<(Digest, &'a [&'a str])> {
    let parts = parts.strip_prefix(&["sha256"]).unwrap_or(parts);
    let [hash, size, rest @ ..] = parts else { return None };
    Some((Digest::from_parts(hash, size.parse().ok()?).ok()?, rest))
}

fn shown(name: &str) -> String {
    name.chars().take(SHOWN_CHARS_MAX).collect()
}

const UPLOAD_NAME_BYTES_MAX: usize = 64;
const SHOWN_CHARS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::content::digest_of;

    #[test]
    fn names_read_back_with_and_without_instance_and_digest_function() {
        let digest = digest_of(b"abc");
        assert_eq!(parse_read_name(&read_name(&digest)), Ok(digest));
        assert_eq!(parse_read_name(&format!("a/b/blobs/sha256/{digest}")), Ok(digest));
        let upload = uuid::Uuid::new_v4();
        let expected = Ok(WriteName { upload: upload.to_string(), digest });
        assert_eq!(parse_write_name(&write_name(&upload, &digest)), expected);
        assert_eq!(parse_write_name(&format!("main/uploads/{upload}/blobs/sha256/{digest}/src/a.c")), expected);
    }

    #[test]
    fn other_names_are_refused() {
        let digest = digest_of(b"abc");
        for name in ["", "blobs", "blobs/abc/3", &format!("{digest}"), &format!("blobs/{digest}/x"), "compressed-blobs"]
        {
            assert!(parse_read_name(name).is_err(), "{name}");
        }
        let hash = digest.hash_hex();
        for name in [
            "",
            "uploads",
            &format!("uploads/blobs/{digest}"),
            &format!("uploads//blobs/{digest}"),
            &format!("uploads/u/blobs/{hash}"),
            &format!("uploads/u/blobs/{hash}/-3"),
            &format!("uploads/u/compressed-blobs/zstd/{digest}"),
        ] {
            assert!(parse_write_name(name).is_err(), "{name}");
        }
    }
}
