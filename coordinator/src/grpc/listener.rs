//! Where the coordinator listens.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use futures::Stream;
use futures::stream::unfold;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address; port 0: any free one.
    Tcp(SocketAddr),
    /// A Unix socket, open to its owner only.
    Unix(PathBuf),
}

/// Where a coordinator listens. Shown as clients take it: `http://127.0.0.1:7000`, `unix:/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP address, with its true port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// The coordinator cannot listen there.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else does.
    #[error(
        "the address {0} is taken: another program, perhaps another coordinator, listens there; choose another one"
    )]
    Taken(Address),
    /// It would serve plaintext to other machines.
    #[error(
        "{0} is not a loopback address, and connections are not encrypted: listen on 127.0.0.1, or pass --insecure if \
         the network is trusted"
    )]
    Plaintext(SocketAddr),
    /// There is a file that is no socket.
    #[error("{} is there and is not a socket; choose another path", .0.display())]
    NotASocket(PathBuf),
    /// The system refused.
    #[error("cannot listen on {address}")]
    Io {
        /// Where.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
}

/// A bound listener.
#[derive(Debug)]
pub(crate) enum Listener {
    /// Over TCP.
    Tcp(TcpListener, Address),
    /// Over a Unix socket.
    Unix(UnixListener, Address),
}

impl Listener {
    /// Binds the address. Plaintext leaves the machine only if that is allowed.
    pub(crate) async fn bind(listen: &Listen, is_insecure_allowed: bool) -> Result<Self, BindError> {
        match listen {
            Listen::Tcp(address) if !address.ip().is_loopback() && !is_insecure_allowed => {
                Err(BindError::Plaintext(*address))
            }
            Listen::Tcp(address) => {
                let failed = |source| bind_error(Address::Tcp(*address), source);
                let listener = TcpListener::bind(address).await.map_err(failed)?;
                let bound = Address::Tcp(listener.local_addr().map_err(failed)?);
                Ok(Self::Tcp(listener, bound))
            }
            Listen::Unix(path) => {
                remove_stale(path).await?;
                let listener = bind_unix(path).map_err(|source| bind_error(Address::Unix(path.clone()), source))?;
                Ok(Self::Unix(listener, Address::Unix(path.clone())))
            }
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &Address {
        match self {
            Self::Tcp(_, address) | Self::Unix(_, address) => address,
        }
    }
}

/// Connections as they come. Lack of file descriptors and the like is waited out: it must not end the server.
pub(super) fn tcp_connections(listener: TcpListener) -> impl Stream<Item = io::Result<TcpStream>> {
    unfold(listener, |listener| async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    return Some((Ok(stream), listener));
                }
                Err(error) => wait_out(&error).await,
            }
        }
    })
}

/// The same for a Unix socket.
pub(super) fn unix_connections(listener: UnixListener) -> impl Stream<Item = io::Result<UnixStream>> {
    unfold(listener, |listener| async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return Some((Ok(stream), listener)),
                Err(error) => wait_out(&error).await,
            }
        }
    })
}

async fn wait_out(error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// Nobody can reach the socket under its name before it is closed to others.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let fresh = path.with_added_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&fresh)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
    fs::rename(&fresh, path)?;
    Ok(listener)
}

/// Removes a socket file that a coordinator left behind. One that is answered stays, and so does every other file.
async fn remove_stale(path: &Path) -> Result<(), BindError> {
    let failed = |source| bind_error(Address::Unix(path.to_owned()), source);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => return Err(BindError::NotASocket(path.to_owned())),
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(BindError::Taken(Address::Unix(path.to_owned()))),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

fn bind_error(address: Address, source: io::Error) -> BindError {
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken(address),
        _ => BindError::Io { address, source },
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.as_os_str().is_empty() { Err(no_address(text)) } else { Ok(Self::Unix(path)) };
        }
        text.parse().map(Self::Tcp).map_err(|_| no_address(text))
    }
}

fn no_address(text: &str) -> String {
    format!("`{text}` is not an address to listen on: write ADDRESS:PORT, such as 127.0.0.1:7000, or unix:/PATH")
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn plaintext_leaves_the_machine_only_if_that_is_allowed() {
        let everywhere = Listen::Tcp(SocketAddr::from(([0, 0, 0, 0], 0)));
        assert!(matches!(Listener::bind(&everywhere, false).await, Err(BindError::Plaintext(_))));
        assert!(Listener::bind(&everywhere, true).await.is_ok());
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let first =
            Listener::bind(&Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0))), false).await.expect("a free port");
        let Address::Tcp(taken) = *first.address() else { panic!("it listens on TCP") };
        let error = Listener::bind(&Listen::Tcp(taken), false).await.expect_err("the port is taken");
        assert!(error.to_string().contains(&taken.to_string()), "{error}");
    }

    #[tokio::test]
    async fn a_socket_that_was_left_behind_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::TempDir::new().expect("there is room for a directory");
        let listen = Listen::Unix(directory.path().join("socket"));
        let first = Listener::bind(&listen, false).await.expect("the path is free");
        let metadata = fs::metadata(directory.path().join("socket")).expect("the socket is there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert!(matches!(Listener::bind(&listen, false).await, Err(BindError::Taken(_))));
        drop(first);
        assert!(Listener::bind(&listen, false).await.is_ok());
        let file = directory.path().join("file");
        fs::write(&file, "precious").expect("there is room for a file");
        assert!(matches!(Listener::bind(&Listen::Unix(file.clone()), false).await, Err(BindError::NotASocket(_))));
        assert_eq!(fs::read_to_string(file).ok().as_deref(), Some("precious"));
    }
}
