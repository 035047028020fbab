//! The `ByteStream` service, as clients of others see it.

use anyhow::Result;
use bazel_remote_apis::google::bytestream::byte_stream_client::ByteStreamClient;
use bazel_remote_apis::google::bytestream::{QueryWriteStatusRequest, ReadRequest, WriteRequest};
use muster_common::digest::Digest;
use muster_service::blob::content::{EMPTY, digest_of};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::fixture::{Fixture, noise};

async fn read(client: &mut ByteStreamClient<Channel>, request: ReadRequest) -> Result<Vec<u8>, Status> {
    let mut pieces = client.read(request).await?.into_inner();
    let mut content = Vec::new();
    while let Some(piece) = pieces.message().await? {
        content.extend(piece.data);
    }
    Ok(content)
}

fn piece(name: &str, write_offset: i64, data: &[u8], finish_write: bool) -> WriteRequest {
    WriteRequest { resource_name: name.to_owned(), write_offset, finish_write, data: data.to_vec() }
}

async fn write(client: &mut ByteStreamClient<Channel>, pieces: Vec<WriteRequest>) -> Result<i64, Status> {
    Ok(client.write(tokio_stream::iter(pieces)).await?.into_inner().committed_size)
}

fn name(upload: &str, digest: Digest) -> String {
    format!("main/uploads/{upload}/blobs/{digest}")
}

#[tokio::test(flavor = "multi_thread")]
async fn any_part_of_a_blob_can_be_read() -> Result<()> {
    let fixture = Fixture::start().await?;
    let mut client = ByteStreamClient::new(fixture.channel.clone());
    let content = noise(1_000_000, 1);
    let digest = fixture.blobs.write(content.clone()).await?;
    let part =
        |read_offset, read_limit| ReadRequest { resource_name: format!("x/blobs/{digest}"), read_offset, read_limit };
    assert_eq!(read(&mut client, part(0, 0)).await?, content);
    assert_eq!(read(&mut client, part(999_990, 0)).await?, content[999_990..]);
    assert_eq!(read(&mut client, part(10, 600_000)).await?, content[10..600_010]);
    assert!(read(&mut client, part(1_000_000, 0)).await?.is_empty());
    for (offset, limit, code) in
        [(-1, 0, Code::OutOfRange), (1_000_001, 0, Code::OutOfRange), (0, -1, Code::InvalidArgument)]
    {
        let status = read(&mut client, part(offset, limit)).await.expect_err("that part is none");
        assert_eq!(status.code(), code);
    }
    let empty = ReadRequest { resource_name: format!("blobs/{EMPTY}"), ..Default::default() };
    assert!(read(&mut client, empty).await?.is_empty());
    let wrong_size = Digest { size_bytes: 5, ..digest };
    for (resource_name, code) in [
        (format!("blobs/{}", digest_of(b"other")), Code::NotFound),
        (format!("blobs/{wrong_size}"), Code::NotFound),
        ("blobs/../../etc/passwd".to_owned(), Code::InvalidArgument),
        (format!("compressed-blobs/zstd/{digest}"), Code::InvalidArgument),
    ] {
        let request = ReadRequest { resource_name, ..Default::default() };
        let status = read(&mut client, request).await.expect_err("there is no such blob");
        assert_eq!(status.code(), code);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_goes_on_over_several_streams() -> Result<()> {
    let fixture = Fixture::start().await?;
    let mut client = ByteStreamClient::new(fixture.channel.clone());
    let digest = digest_of(b"abcdef");
    let name = name("u1", digest);
    let query = QueryWriteStatusRequest { resource_name: name.clone() };
    let status = client.query_write_status(query.clone()).await.expect_err("nothing was written");
    assert_eq!(status.code(), Code::NotFound);

    assert_eq!(write(&mut client, vec![piece(&name, 0, b"ab", false), piece("", 2, b"c", false)]).await?, 3);
    let state = client.query_write_status(query.clone()).await?.into_inner();
    assert_eq!((state.committed_size, state.complete), (3, false));
    for offset in [0, 2, 4, 6] {
        let status = write(&mut client, vec![piece(&name, offset, b"x", false)]).await.expect_err("it is not the next");
        assert_eq!(status.code(), Code::Unavailable, "the client may ask for the state and go on");
    }
    assert!(!fixture.blobs.contains(digest).await?);
    assert_eq!(write(&mut client, vec![piece(&name, 3, b"def", true)]).await?, 6);
    let state = client.query_write_status(query).await?.into_inner();
    assert_eq!((state.committed_size, state.complete), (6, true));
    assert_eq!(fixture.blobs.read(digest, 6).await?, &b"abcdef"[..]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_content_than_was_said_is_refused() -> Result<()> {
    let fixture = Fixture::start().await?;
    let mut client = ByteStreamClient::new(fixture.channel.clone());
    let digest = digest_of(b"abcdef");
    for (upload, pieces) in [
        ("other", &[(&b"abcdeX"[..], true)][..]),
        ("short", &[(b"abc", true)]),
        ("long", &[(b"abcdefg", true)]),
        ("long in two", &[(b"abcdef", false), (b"g", true)]),
    ] {
        let name = name(upload, digest);
        let mut offset = 0;
        let pieces = pieces
            .iter()
            .map(|(data, finish)| {
                offset += data.len() as i64;
                piece(&name, offset - data.len() as i64, data, *finish)
            })
            .collect();
        let status = write(&mut client, pieces).await.expect_err("it is other content");
        assert_eq!(status.code(), Code::InvalidArgument, "{upload}");
        assert!(!fixture.blobs.contains(digest).await?);
        let query = QueryWriteStatusRequest { resource_name: name };
        assert_eq!(client.query_write_status(query).await.expect_err("it was dropped").code(), Code::NotFound);
    }
    let left: Vec<_> = std::fs::read_dir(fixture.data.path().join("blobs/new"))?.collect();
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_make_no_sense_are_refused() -> Result<()> {
    let fixture = Fixture::start().await?;
    let mut client = ByteStreamClient::new(fixture.channel.clone());
    let digest = digest_of(b"abcdef");
    let huge = Digest { size_bytes: 1 << 50, ..digest };
    let (one, two) = (name("1", digest), name("2", digest));
    for pieces in [
        vec![],
        vec![piece("", 0, b"abcdef", true)],
        vec![piece("uploads/../../x", 0, b"abcdef", true)],
        vec![piece(&one, 0, b"abc", false), piece(&two, 3, b"def", true)],
        vec![piece(&name("3", huge), 0, b"abcdef", false)],
    ] {
        let status = write(&mut client, pieces.clone()).await.expect_err("it makes no sense");
        assert_eq!(status.code(), Code::InvalidArgument, "{pieces:?}");
    }
    let status = write(&mut client, vec![piece(&one, -1, b"abcdef", true)]).await.expect_err("it makes no sense");
    assert_eq!(status.code(), Code::OutOfRange);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_already_is_not_taken_again() -> Result<()> {
    let fixture = Fixture::start().await?;
    let content = noise(8_000_000, 1);
    let digest = fixture.blobs.write(content.clone()).await?;
    let mut client = ByteStreamClient::new(fixture.channel.clone());
    // The stream stays open: the answer must come without the rest.
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    sender.send(piece(&name("u", digest), 0, &content[..100_000], false)).await?;
    let answer = client.write(ReceiverStream::new(receiver)).await?.into_inner();
    assert_eq!(answer.committed_size, 8_000_000);
    // And a client that just goes on sending gets its answer too.
    let chunks = content.chunks(200_000).enumerate();
    let pieces = chunks.map(|(number, data)| piece(&name("v", digest), number as i64 * 200_000, data, number == 39));
    assert_eq!(write(&mut client, pieces.collect()).await?, 8_000_000);
    Ok(())
}
