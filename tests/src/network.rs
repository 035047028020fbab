//! A network between an agent or a client and its coordinator, which can forget connections.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Hands every connection on to one address.
#[derive(Debug)]
pub struct Network {
    address: SocketAddr,
    forgotten: Arc<AtomicU64>,
}

impl Network {
    /// A network to this address.
    ///
    /// # Panics
    /// If no port is free.
    #[must_use]
    pub fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let forgotten = Arc::new(AtomicU64::new(0));
        let (target, known) = (target.to_owned(), Arc::clone(&forgotten));
        // It lives as long as the test's process.
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if let Ok(far) = TcpStream::connect(&target) {
                    // A connection that breaks at once is one that breaks.
                    let _ = join(near, far, &known);
                }
            }
        });
        Self { address, forgotten }
    }

    /// Where its near end is, as agents and clients write it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Nothing comes through the connections of now any more, and nobody is told; new ones are as good as ever.
    pub fn forget_connections(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
    }
}

fn join(near: TcpStream, far: TcpStream, forgotten: &Arc<AtomicU64>) -> io::Result<()> {
    let born = forgotten.load(Ordering::SeqCst);
    for (from, to) in [(near.try_clone()?, far.try_clone()?), (far, near)] {
        let forgotten = Arc::clone(forgotten);
        thread::spawn(move || pump(from, to, || forgotten.load(Ordering::SeqCst) == born));
    }
    Ok(())
}

fn pump(mut from: TcpStream, mut to: TcpStream, is_known: impl Fn() -> bool) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer);
        if !is_known() {
            // Both ends stay open and hear nothing.
            std::mem::forget((from, to));
            return;
        }
        match read {
            Ok(count) if count > 0 && to.write_all(&buffer[..count]).is_ok() => {}
            Ok(_) | Err(_) => {
                let _ = to.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}
