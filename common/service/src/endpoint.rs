//! Where a coordinator is found, and the connection to it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Uri};

/// A coordinator's address: `http://host:port`, or `unix:/path/of/socket`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Plaintext HTTP/2 over TCP.
    Http {
        /// Host name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// HTTP/2 over a Unix socket.
    Unix(PathBuf),
}

/// An address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The text is no address.
    #[error("`{text}` is not the address of a coordinator: write http://HOST:PORT or unix:/PATH")]
    Syntax {
        /// The text.
        text: String,
    },
    /// TLS is asked for, which is not built yet.
    #[error(
        "`{text}` asks for TLS, which this version does not have: use http:// on a loopback address, a Unix socket, or an SSH tunnel"
    )]
    Tls {
        /// The text.
        text: String,
    },
    /// Plaintext would leave the machine.
    #[error(
        "`{endpoint}` is not a loopback address, and the connection is not encrypted: pass --insecure if the network is trusted"
    )]
    Plaintext {
        /// The address.
        endpoint: Endpoint,
    },
    /// Nobody answers.
    #[error("cannot connect to the coordinator at {endpoint}: is it running there?")]
    Connect {
        /// The address.
        endpoint: Endpoint,
        /// What the connection says.
        source: tonic::transport::Error,
    },
}

impl Endpoint {
    /// Refuses plaintext that would leave the machine, unless that is allowed.
    ///
    /// # Errors
    /// If the host is neither `localhost` nor a loopback address, and `is_insecure_allowed` is false.
    pub fn check_plaintext(&self, is_insecure_allowed: bool) -> Result<(), EndpointError> {
        let is_local = match self {
            Self::Unix(_) => true,
            Self::Http { host, .. } => {
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        };
        if is_local || is_insecure_allowed { Ok(()) } else { Err(EndpointError::Plaintext { endpoint: self.clone() }) }
    }

    /// A channel that connects when it is first used, and again whenever the connection breaks.
    #[must_use]
    pub fn connect_lazy(&self) -> Channel {
        match self {
            Self::Http { .. } => self.transport().connect_lazy(),
            Self::Unix(path) => self.transport().connect_with_connector_lazy(unix_connector(path.clone())),
        }
    }

    /// A channel that is connected.
    ///
    /// # Errors
    /// If nobody answers within [`CONNECT_TIMEOUT`].
    pub async fn connect(&self) -> Result<Channel, EndpointError> {
        let connected = match self {
            Self::Http { .. } => self.transport().connect().await,
            Self::Unix(path) => self.transport().connect_with_connector(unix_connector(path.clone())).await,
        };
        connected.map_err(|source| EndpointError::Connect { endpoint: self.clone(), source })
    }

    fn transport(&self) -> tonic::transport::Endpoint {
        let uri = match self {
            Self::Http { host, port } if host.contains(':') => format!("http://[{host}]:{port}"),
            Self::Http { host, port } => format!("http://{host}:{port}"),
            Self::Unix(_) => "http://muster.local".to_owned(),
        };
        tonic::transport::Endpoint::from_shared(uri)
            .expect("the parts of a parsed address make a URI")
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
    }
}

type UnixConnection = std::pin::Pin<Box<dyn Future<Output = std::io::Result<TokioIo<UnixStream>>> + Send>>;

fn unix_connector(
    path: PathBuf,
) -> impl tower::Service<Uri, Response = TokioIo<UnixStream>, Error = std::io::Error, Future = UnixConnection> {
    tower::service_fn(move |_: Uri| {
        let path = path.clone();
        Box::pin(async move { UnixStream::connect(path).await.map(TokioIo::new) }) as UnixConnection
    })
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let syntax = || EndpointError::Syntax { text: text.to_owned() };
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.starts_with('/') { Ok(Self::Unix(PathBuf::from(path))) } else { Err(syntax()) };
        }
        if text.starts_with("https://") {
            return Err(EndpointError::Tls { text: text.to_owned() });
        }
        let authority = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        if let Ok(address) = authority.parse::<SocketAddr>() {
            return Ok(Self::Http { host: address.ip().to_string(), port: address.port() });
        }
        let (host, port) = authority.rsplit_once(':').ok_or_else(syntax)?;
        let is_name = !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        let port = port.parse().map_err(|_| syntax())?;
        if is_name && port != 0 { Ok(Self::Http { host: host.to_owned(), port }) } else { Err(syntax()) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { host, port } if host.contains(':') => write!(f, "http://[{host}]:{port}"),
            Self::Http { host, port } => write!(f, "http://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which calls are under way is given up after this silence. A network that forgets a connection tells
/// nobody; whoever waits for something that comes through one waits longer than this.
pub const CONNECTION_SILENCE_MAX: Duration = KEEP_ALIVE_INTERVAL.saturating_add(KEEP_ALIVE_TIMEOUT);
/// Time between pings of a connection on which nothing comes.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// How long a ping may go unanswered.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(15);
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_from_their_text() {
        for text in ["http://127.0.0.1:7000", "http://[::1]:7000", "http://build.example:80", "unix:/run/muster.sock"] {
            let endpoint: Endpoint = text.parse().expect(text);
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "http://", "host", "http://host", "http://host:x", "unix:relative", "http://a b:1", "ftp://h:1"]
        {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
        assert!(matches!("https://host:1".parse::<Endpoint>(), Err(EndpointError::Tls { .. })));
    }

    #[test]
    fn plaintext_stays_on_the_machine_unless_it_is_allowed() {
        for (text, is_local) in [
            ("http://127.0.0.1:1", true),
            ("http://localhost:1", true),
            ("unix:/a", true),
            ("http://10.0.0.1:1", false),
            ("http://127.evil.example:1", false),
        ] {
            let endpoint: Endpoint = text.parse().expect(text);
            assert_eq!(endpoint.check_plaintext(false).is_ok(), is_local, "{text}");
            assert!(endpoint.check_plaintext(true).is_ok());
        }
    }
}
