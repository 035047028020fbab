//! The list that a plugin has written.

use std::io::{BufRead, Read};
use std::path::Path;

use muster_common::error_code::ReasonCode;

use super::event::Event;
use crate::runner::failure::RunnerFailure;
use crate::runner::listing::Listing;

/// Reads the list in `file`; one without its end is an error.
pub(super) async fn read(file: &Path, listing: &mut Listing) -> Result<(), RunnerFailure> {
    let opened = std::fs::File::open(file).map_err(|error| RunnerFailure::file("open", file, &error))?;
    let mut counted = 0;
    let mut announced = None;
    for line in std::io::BufReader::new(opened.take(LIST_BYTES_MAX)).split(b'\n') {
        let line = line.map_err(|error| RunnerFailure::file("read", file, &error))?;
        match Event::read(&line)? {
            Event::Item { name } => {
                counted += 1;
                listing.push(name).await?;
            }
            Event::Listed { count } => announced = Some(count),
            Event::Hello { .. }
            | Event::Started { .. }
            | Event::Finished { .. }
            | Event::Outside { .. }
            | Event::Done => {}
        }
    }
    if announced != Some(counted) {
        let message = format!("the list that the runner's plugin reported is cut off after {counted} tests");
        return Err(RunnerFailure::infrastructure(ReasonCode::ResultsBroken, message));
    }
    Ok(())
}

const LIST_BYTES_MAX: u64 = 8 << 30;
