//! `muster-coordinator backup`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use muster_coordinator::backup::{Contents, Record, Totals, take_stopped};
use muster_proto::v1::BackupRequest;
use muster_proto::v1::admin_service_client::AdminServiceClient;
use muster_service::endpoint::Endpoint;

use super::text::{count, size};

/// Write everything that a coordinator keeps into one file, as it was at one moment
///
/// The file holds the rows (runs, jobs, tests, leases, history), all blobs (workspaces, artifacts, reports) and all logs.
/// A running coordinator is asked with --coordinator: work goes on meanwhile. Of a stopped one give the data directory with
/// --data. FILE appears only when the backup is whole; a file of that name is replaced then.
///
/// After `restore`, Muster's promises hold from the moment at which the rows were copied: what was accepted or finished
/// later is not known any more.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Address of the running coordinator: http://HOST:PORT or unix:/PATH
    #[arg(long, env = "MUSTER_COORDINATOR", value_name = "URL", required_unless_present = "data")]
    coordinator: Option<Endpoint>,
    /// Data directory of a coordinator that does not run
    #[arg(long, value_name = "DIR", conflicts_with = "coordinator")]
    data: Option<PathBuf>,
    /// Connect in plaintext to another machine; for trusted networks only
    #[arg(long)]
    insecure: bool,
    /// The file to write
    file: PathBuf,
}

/// Takes the backup, reads it once more, and puts it in its place.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let half = arguments.file.with_added_extension("partial");
    let written = match (&arguments.data, &arguments.coordinator) {
        (Some(data), _) => stopped(data, &half),
        (None, Some(endpoint)) => {
            endpoint.check_plaintext(arguments.insecure)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(running(endpoint, &half))
        }
        (None, None) => bail!("pass --coordinator URL or --data DIR"),
    };
    let totals = written.and_then(|()| check(&half)).inspect_err(|_| drop(fs::remove_file(&half)))?;
    fs::rename(&half, &arguments.file)
        .and_then(|()| {
            let parent = arguments.file.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
        })
        .with_context(|| format!("cannot put the backup at {}", arguments.file.display()))?;
    println!(
        "{}: {}, {} ({}), {} ({})",
        arguments.file.display(),
        count(totals.rows, "row", "rows"),
        count(totals.blobs, "blob", "blobs"),
        size(totals.blob_bytes),
        count(totals.logs, "log", "logs"),
        size(totals.log_bytes)
    );
    if totals.damaged_blobs > 0 {
        println!(
            "{} damaged on the coordinator's disk and left out; `muster-coordinator verify` names them",
            count(totals.damaged_blobs, "blob is", "blobs are")
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn stopped(data: &Path, half: &Path) -> anyhow::Result<()> {
    let mut output = create(half)?;
    take_stopped(data, &mut output)?;
    finish(output, half)
}

async fn running(endpoint: &Endpoint, half: &Path) -> anyhow::Result<()> {
    let mut output = create(half)?;
    let mut client = AdminServiceClient::new(endpoint.connect().await?);
    let mut pieces = client.backup(BackupRequest {}).await.map_err(refusal)?.into_inner();
    while let Some(piece) = pieces.message().await.map_err(refusal)? {
        output.write_all(&piece.data).with_context(|| format!("cannot write {}", half.display()))?;
    }
    finish(output, half)
}

fn refusal(status: tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("the coordinator gives no backup: {}", status.message())
}

fn create(half: &Path) -> anyhow::Result<BufWriter<File>> {
    let file = File::create(half).with_context(|| format!("cannot write {}", half.display()))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

fn finish(output: BufWriter<File>, half: &Path) -> anyhow::Result<()> {
    let synced = output.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| file.sync_all());
    synced.with_context(|| format!("cannot write {}", half.display()))
}

/// A backup that was never read is none.
fn check(half: &Path) -> anyhow::Result<Totals> {
    let file = File::open(half).with_context(|| format!("cannot read {}", half.display()))?;
    let mut contents = Contents::open(std::io::BufReader::with_capacity(1 << 20, file))?;
    loop {
        if let Record::End(totals) = contents.next_record()? {
            return Ok(totals);
        }
    }
}
