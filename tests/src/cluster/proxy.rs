//! A proxy on a host of a lan, which does to connections what a kernel without netem cannot do to packets: it delays
//! them, stalls them, ends them in the middle of a frame, or closes one half of them.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::lan::Host;

/// Hands connections on. It lives as long as the process of the test.
#[derive(Clone, Debug)]
pub struct Proxy {
    address: String,
    weather: Arc<Weather>,
}

/// What happens to what goes through.
#[derive(Debug)]
struct Weather {
    delay_ms: AtomicU64,
    is_stalled: AtomicBool,
    /// Bytes until every connection is cut off; negative: never.
    cut_in: AtomicI64,
    /// Raised to cut all connections of now.
    cuts: AtomicU64,
    is_near_half_closed: AtomicBool,
}

impl Proxy {
    /// A proxy on `host` to an address.
    ///
    /// # Panics
    /// If the namespace cannot be entered or the port is taken.
    #[must_use]
    pub fn start(host: &Host, port: u16, target: &str) -> Self {
        let weather = Arc::new(Weather {
            delay_ms: AtomicU64::new(0),
            is_stalled: AtomicBool::new(false),
            cut_in: AtomicI64::new(-1),
            cuts: AtomicU64::new(0),
            is_near_half_closed: AtomicBool::new(false),
        });
        let address = format!("{}:{port}", host.address);
        let (bind, target, known) = (address.clone(), target.to_owned(), Arc::clone(&weather));
        let namespace = File::open(host.namespace_file()).expect("the host is there");
        let (ready, is_ready) = std::sync::mpsc::channel();
        thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("we may enter the namespace that we made");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it can be made");
            runtime.block_on(async {
                let listener = TcpListener::bind(&bind).await.expect("the port is free on a host of its own");
                ready.send(()).expect("it is waited for");
                while let Ok((near, _)) = listener.accept().await {
                    tokio::spawn(join(near, target.clone(), Arc::clone(&known)));
                }
            });
        });
        is_ready.recv().expect("the proxy listens");
        Self { address, weather }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Delays every byte, in each direction.
    pub fn delay(&self, delay: Duration) {
        self.weather.delay_ms.store(u64::try_from(delay.as_millis()).expect("a short span"), Ordering::SeqCst);
    }

    /// Holds every byte back until told otherwise.
    pub fn stall(&self, is_stalled: bool) {
        self.weather.is_stalled.store(is_stalled, Ordering::SeqCst);
    }

    /// Ends all connections after so many more bytes: mostly in the middle of a frame.
    pub fn cut_after(&self, bytes: u32) {
        self.weather.cut_in.store(i64::from(bytes), Ordering::SeqCst);
    }

    /// Whether the cut that was asked for has been made.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.weather.cut_in.load(Ordering::SeqCst) < 0
    }

    /// Says to the far end of all connections that nothing more will come, and goes on in the other direction.
    pub fn half_close(&self, is_half_closed: bool) {
        self.weather.is_near_half_closed.store(is_half_closed, Ordering::SeqCst);
    }
}

impl Weather {
    /// How much of `count` bytes may pass before the cut. None: all of it.
    fn allowance(&self, count: usize) -> Option<usize> {
        let count = i64::try_from(count).expect("a buffer's length");
        let taken = self.cut_in.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            (left >= 0).then(|| if left > count { left - count } else { -1 })
        });
        match taken {
            Ok(left) if left <= count => {
                self.cuts.fetch_add(1, Ordering::SeqCst);
                Some(usize::try_from(left).expect("it is not negative"))
            }
            Ok(_) | Err(_) => None,
        }
    }
}

async fn join(near: TcpStream, target: String, weather: Arc<Weather>) -> io::Result<()> {
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
    let up = pump(near_read, far_write, Arc::clone(&weather), true);
    let down = pump(far_read, near_write, weather, false);
    // A connection that breaks at once is one that breaks. Whichever direction ends first ends both, unless it was its
    // half that was closed.
    tokio::select! {
        ended = up => ended,
        ended = down => ended,
    }
}

async fn pump(mut from: OwnedReadHalf, to: OwnedWriteHalf, weather: Arc<Weather>, is_up: bool) -> io::Result<()> {
    let (sender, queue) = mpsc::channel(CHUNKS_UNDER_WAY_MAX);
    let known = Arc::clone(&weather);
    let reading = async move {
        loop {
            let mut chunk = vec![0; CHUNK_BYTES];
            let count = from.read(&mut chunk).await?;
            if count == 0 {
                return io::Result::Ok(());
            }
            chunk.truncate(count);
            let delay = Duration::from_millis(weather.delay_ms.load(Ordering::SeqCst));
            if sender.send((Instant::now() + delay, chunk)).await.is_err() {
                return Ok(());
            }
        }
    };
    tokio::try_join!(reading, deliver(queue, to, known, is_up)).map(|_| ())
}

async fn deliver(
    mut queue: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut to: OwnedWriteHalf,
    weather: Arc<Weather>,
    is_up: bool,
) -> io::Result<()> {
    let born = weather.cuts.load(Ordering::SeqCst);
    let is_cut = |weather: &Weather| weather.cuts.load(Ordering::SeqCst) != born;
    let mut is_closed = false;
    loop {
        let next = tokio::time::timeout(TICK, queue.recv()).await;
        if is_cut(&weather) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if is_up && !is_closed && weather.is_near_half_closed.load(Ordering::SeqCst) {
            is_closed = true;
            to.shutdown().await?;
        }
        let (due, chunk) = match next {
            Ok(Some(next)) => next,
            Ok(None) => return to.shutdown().await,
            Err(_) => continue,
        };
        tokio::time::sleep_until(due).await;
        while weather.is_stalled.load(Ordering::SeqCst) && !is_cut(&weather) {
            tokio::time::sleep(TICK).await;
        }
        if is_closed {
            continue;
        }
        match weather.allowance(chunk.len()) {
            None => to.write_all(&chunk).await?,
            Some(part) => {
                to.write_all(&chunk[..part]).await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
    }
}

const CHUNK_BYTES: usize = 16 << 10;
/// What may be between reading and writing: more than fits into any window within a second's delay.
const CHUNKS_UNDER_WAY_MAX: usize = 1_024;
const TICK: Duration = Duration::from_millis(10);
