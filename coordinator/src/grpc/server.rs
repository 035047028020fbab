//! One server with all services.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2::capabilities_server::CapabilitiesServer;
use bazel_remote_apis::build::bazel::remote::execution::v2::content_addressable_storage_server::ContentAddressableStorageServer;
use bazel_remote_apis::google::bytestream::byte_stream_server::ByteStreamServer;
use muster_common::control::Stamp;
use muster_common::limits::{LOG_CHUNK_BYTES_MAX, MESSAGE_BYTES_MAX, RUN_SPEC_BYTES_MAX};
use muster_common::time::Wall;
use muster_proto::v1::admin_service_server::AdminServiceServer;
use muster_proto::v1::agent_service_server::AgentServiceServer;
use muster_proto::v1::run_service_server::RunServiceServer;
use muster_proto::v1::test_service_server::TestServiceServer;
use muster_service::shutdown::Shutdown;
use tokio::sync::watch;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic_health::server::HealthReporter;

use super::admin_service::Admin;
use super::agent_service::Agents;
use super::backing_up::BackingUp;
use super::listener::{Listener, tcp_connections, unix_connections};
use super::run_service::Runs;
use super::test_service::Tests;
use super::tests_of_run::Readers;
use crate::blobs::byte_stream::Pieces;
use crate::blobs::capabilities::BlobCapabilities;
use crate::blobs::cas::Storage;
use crate::blobs::{self, DiskBlobs};
use crate::condition::Condition;
use crate::handle::Handle;
use crate::history::History;
use crate::logs::{Logs, Unended};
use crate::reports::Reports;

/// What the services work on.
#[derive(Clone, Debug)]
pub(crate) struct Services {
    pub(crate) handle: Handle,
    pub(crate) history: Arc<History>,
    pub(crate) reports: Reports,
    pub(crate) blobs: DiskBlobs,
    pub(crate) logs: Arc<Logs>,
    pub(crate) stamp: watch::Receiver<Stamp>,
    pub(crate) condition: watch::Receiver<Condition>,
    pub(crate) data: PathBuf,
    pub(crate) started: Wall,
    pub(crate) shutdown: Shutdown,
}

/// Serves until the shutdown begins, then until open calls have ended, at most [`DRAIN_MAX`].
///
/// # Errors
/// If the server breaks down.
pub(crate) async fn serve(listener: Listener, services: Services) -> Result<(), tonic::transport::Error> {
    let shutdown = services.shutdown.clone();
    let condition = services.condition.clone();
    let (health, router) = router(services).await;
    let begun = shutdown.clone();
    let signal = async move {
        tokio::select! {
            () = begun.wait() => {}
            () = follow(&health, condition) => begun.wait().await,
        }
        set_health(&health, false).await;
    };
    let serving = async {
        match listener {
            Listener::Tcp(listener, _) => router.serve_with_incoming_shutdown(tcp_connections(listener), signal).await,
            Listener::Unix(listener, _) => {
                router.serve_with_incoming_shutdown(unix_connections(listener), signal).await
            }
        }
    };
    let overdue = async {
        shutdown.wait().await;
        tokio::time::sleep(DRAIN_MAX).await;
    };
    tokio::select! {
        result = serving => result,
        () = overdue => {
            tracing::warn!("calls were still open when the coordinator ended");
            Ok(())
        }
    }
}

async fn router(services: Services) -> (HealthReporter, Router) {
    let Services { handle, history, reports, blobs, logs, stamp, condition: _, data, started, shutdown } = services;
    let readers = Readers { handle: handle.clone(), history: Arc::clone(&history), reports };
    let unended = Arc::new(Unended::new(LOG_WAIT_MAX));
    let runs = Runs {
        readers: readers.clone(),
        blobs: blobs.clone(),
        logs: Arc::clone(&logs),
        unended: Arc::clone(&unended),
        shutdown: shutdown.clone(),
    };
    let bulk = blobs::services(&blobs);
    let agents = Agents { handle: handle.clone(), blobs, logs, unended, history, shutdown };
    let backups = BackingUp::new(handle.clone(), data, stamp.clone());
    let admin = Admin { handle, stamp, started, backups };
    let (reporter, health) = tonic_health::server::health_reporter();
    set_health(&reporter, false).await;
    let router = Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .add_service(health)
        .add_service(AgentServiceServer::new(agents).max_decoding_message_size(AGENT_MESSAGE_BYTES_MAX))
        .add_service(RunServiceServer::new(runs).max_decoding_message_size(SUBMIT_BYTES_MAX))
        .add_service(TestServiceServer::new(Tests { readers }).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(AdminServiceServer::new(admin).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(bulk.storage)
        .add_service(bulk.byte_stream)
        .add_service(bulk.capabilities);
    (reporter, router)
}

/// Says whether the coordinator is ready, as that changes. Returns when nobody will change it any more.
async fn follow(health: &HealthReporter, mut condition: watch::Receiver<Condition>) {
    loop {
        let is_serving = match *condition.borrow_and_update() {
            Condition::Serving => true,
            Condition::Restoring | Condition::NoRoom => false,
        };
        set_health(health, is_serving).await;
        if condition.changed().await.is_err() {
            return;
        }
    }
}

async fn set_health(reporter: &HealthReporter, is_serving: bool) {
    macro_rules! set {
        ($($service:ty),* $(,)?) => {
            if is_serving {
                $(reporter.set_serving::<$service>().await;)*
            } else {
                $(reporter.set_not_serving::<$service>().await;)*
            }
        };
    }
    set!(
        AgentServiceServer<Agents>,
        RunServiceServer<Runs>,
        TestServiceServer<Tests>,
        AdminServiceServer<Admin>,
        ContentAddressableStorageServer<Storage>,
        ByteStreamServer<Pieces>,
        CapabilitiesServer<BlobCapabilities>,
    );
    let whole = if is_serving { tonic_health::ServingStatus::Serving } else { tonic_health::ServingStatus::NotServing };
    reporter.set_service_status("", whole).await;
}

/// Time between pings of a connection on which nothing happens.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// How long a ping may go unanswered.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
const STREAMS_PER_CONNECTION_MAX: u32 = 1_024;
/// A message of an agent, and the little that stands around it.
const AGENT_MESSAGE_BYTES_MAX: usize = MESSAGE_BYTES_MAX + LOG_CHUNK_BYTES_MAX;
/// A specification, and the little that stands around it.
const SUBMIT_BYTES_MAX: usize = RUN_SPEC_BYTES_MAX + (64 << 10);
/// How long open calls may go on after the shutdown has begun.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// The longest time that a reader waits for logs of what has ended; also how long an agent without a stream is expected to
/// come back with the ends of its attempts.
const LOG_WAIT_MAX: Duration = Duration::from_secs(10);
