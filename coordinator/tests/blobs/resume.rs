//! Connections that are cut, and a coordinator that is not there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use muster_service::blob::content::digest_of;
use muster_service::blob::{BlobClient, DownloadError, UploadError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::{Fixture, channel, noise};

/// A way to a server that is cut once, after some bytes.
struct Way {
    address: SocketAddr,
    carried: Arc<AtomicU64>,
    is_cut: Arc<AtomicBool>,
}

impl Way {
    async fn to(server: SocketAddr, cut_after: u64) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let way = Self { address, carried: Arc::default(), is_cut: Arc::default() };
        let (carried, is_cut) = (Arc::clone(&way.carried), Arc::clone(&way.is_cut));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (carried, is_cut) = (Arc::clone(&carried), Arc::clone(&is_cut));
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(server).await {
                        carry(client, server, &carried, &is_cut, cut_after).await;
                    }
                });
            }
        });
        Ok(way)
    }
}

/// Carries bytes both ways until an end closes, or the way is cut.
async fn carry(client: TcpStream, server: TcpStream, carried: &AtomicU64, is_cut: &AtomicBool, cut_after: u64) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut up, mut down) = (vec![0; 32 << 10], vec![0; 32 << 10]);
    loop {
        let moved = tokio::select! {
            read = from_client.read(&mut up) => match read {
                Ok(count) if count > 0 => to_server.write_all(&up[..count]).await.map(|()| count),
                _ => return,
            },
            read = from_server.read(&mut down) => match read {
                Ok(count) if count > 0 => to_client.write_all(&down[..count]).await.map(|()| count),
                _ => return,
            },
        };
        let Ok(count) = moved else { return };
        let all = carried.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
        if all > cut_after && !is_cut.swap(true, Ordering::Relaxed) {
            return;
        }
    }
}

const LENGTH: usize = 20_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_where_it_was_cut() -> Result<()> {
    let fixture = Fixture::start().await?;
    let way = Way::to(fixture.address, 15_000_000).await?;
    let content = noise(LENGTH, 1);
    let digest = BlobClient::new(channel(way.address)?).put(content.clone()).await?;
    assert!(way.is_cut.load(Ordering::Relaxed));
    let carried = way.carried.load(Ordering::Relaxed);
    assert!(carried < 25_000_000, "{carried} bytes went over the way, so it did not go on but began anew");
    assert_eq!(fixture.blobs.read(digest, u64::MAX).await?, content);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_on_where_it_was_cut() -> Result<()> {
    let fixture = Fixture::start().await?;
    let way = Way::to(fixture.address, 15_000_000).await?;
    let content = noise(LENGTH, 1);
    let digest = fixture.blobs.write(content.clone()).await?;
    let target = tempfile::tempdir()?;
    let path = target.path().join("blob");
    BlobClient::new(channel(way.address)?).download_to(&digest, &path).await?;
    assert!(way.is_cut.load(Ordering::Relaxed));
    let carried = way.carried.load(Ordering::Relaxed);
    assert!(carried < 25_000_000, "{carried} bytes went over the way, so it did not go on but began anew");
    assert_eq!(std::fs::read(path)?, content);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn small_blobs_are_sent_again_after_a_cut() -> Result<()> {
    let fixture = Fixture::start().await?;
    let way = Way::to(fixture.address, 100_000).await?;
    let content = noise(900_000, 1);
    let digest = BlobClient::new(channel(way.address)?).put(content.clone()).await?;
    assert!(way.is_cut.load(Ordering::Relaxed));
    assert_eq!(fixture.blobs.read(digest, u64::MAX).await?, content);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_is_not_there_is_named_when_patience_ends() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    drop(listener);
    let client = BlobClient::new(channel(address)?).patient_for(Duration::from_millis(200));
    let outcome = client.put(&b"abc"[..]).await;
    assert!(matches!(&outcome, Err(UploadError::Call(error)) if error.is_unreachable()), "{outcome:?}");
    let client = client.patient_until(tokio::time::Instant::now());
    let outcome = client.read(&digest_of(b"abc"), 3).await;
    assert!(matches!(&outcome, Err(DownloadError::Call(error)) if error.is_unreachable()), "{outcome:?}");
    Ok(())
}
