use prost::bytes::Bytes;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tonic::codec::Codec;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_prost::ProstCodec;

use super::*;
use crate::testing::Small;

struct Served {
    small: Arc<Small>,
    server: GrpcServer,
    places: Places,
    addr: std::net::SocketAddr,
}

async fn serve() -> Served {
    let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = tcp.local_addr().expect("it is bound");
    let small = Arc::new(Small::default());
    let source: Arc<dyn StatusSource> = Arc::<Small>::clone(&small);
    let places = Places::default();
    let doors = Doors { tcp: Some(tcp), socket: None };
    let server = GrpcServer::start(doors, &source, &places);
    Served { small, server, places, addr }
}

async fn connect(served: &Served) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", served.addr)).expect("an address");
    endpoint.connect().await.expect("it listens")
}

async fn call<Q, A>(channel: &Channel, path: &'static str, request: Q) -> Result<A, Status>
where
    Q: prost::Message + 'static,
    A: prost::Message + Default + 'static,
{
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.expect("it is connected");
    let codec: ProstCodec<Q, A> = ProstCodec::default();
    let path = http::uri::PathAndQuery::from_static(path);
    client.unary(Request::new(request), path, codec).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn both_dialects_answer_on_one_connection() {
    let served = serve().await;
    let channel = connect(&served).await;
    let v3: apipb::GetBgpResponse =
        call(&channel, "/apipb.GobgpApi/GetBgp", apipb::GetBgpRequest {}).await.expect("served");
    let v4: api::GetBgpResponse =
        call(&channel, "/api.GoBgpService/GetBgp", api::GetBgpRequest {}).await.expect("served");
    let (v3, v4) = (v3.global.expect("there"), v4.global.expect("there"));
    assert_eq!((v3.asn, &*v3.router_id, v3.listen_port), (64_512, "10.0.0.250", 179));
    assert_eq!(v3.listen_addresses, ["0.0.0.0", "::"]);
    assert_eq!((v4.asn, v4.router_id, v4.listen_port), (v3.asn, v3.router_id, v3.listen_port));
    served.server.stop().await;
}

#[tokio::test]
async fn what_is_not_served_says_what_to_do_instead() {
    let served = serve().await;
    let channel = connect(&served).await;
    let refused = async |path| {
        let answer: Result<apipb::GetBgpResponse, Status> =
            call(&channel, path, apipb::GetBgpRequest {}).await;
        let status = answer.expect_err("it is not served");
        (status.code(), status.message().to_owned())
    };
    for (path, words) in [
        ("/apipb.GobgpApi/ResetPeer", "albedo reset"),
        ("/api.GoBgpService/ResetPeer", "albedo reset"),
        ("/apipb.GobgpApi/AddPeer", "peers come of the configuration"),
        ("/apipb.GobgpApi/AddPath", "adds nothing"),
        ("/apipb.GobgpApi/ListVrf", "no VRF"),
        ("/apipb.GobgpApi/EnableMrt", "not served"),
    ] {
        let (code, message) = refused(path).await;
        assert_eq!(code, Code::Unimplemented, "{path}");
        assert!(message.contains(words), "{path}: {message}");
    }
    assert_eq!(refused("/no.Service/Method").await.0, Code::Unimplemented);
}

#[tokio::test]
async fn health_is_readiness() {
    const PATH: &str = "/grpc.health.v1.Health/Check";
    let served = serve().await;
    let channel = connect(&served).await;
    let check = async |service: &str| {
        let request = HealthCheckRequest { service: service.to_owned() };
        call::<_, HealthCheckResponse>(&channel, PATH, request).await.map(|it| it.status())
    };
    for service in ["", "apipb.GobgpApi", "api.GoBgpService"] {
        assert_eq!(check(service).await.expect("known"), ServingStatus::Serving);
    }
    assert_eq!(check("other").await.expect_err("unknown").code(), Code::NotFound);
    *served.small.is_busy.lock().expect("no panic") = true;
    assert_eq!(check("").await.expect("known"), ServingStatus::NotServing);
}

#[tokio::test]
async fn a_large_request_is_refused() {
    let served = serve().await;
    let channel = connect(&served).await;
    let request = apipb::GetTableRequest {
        name: "x".repeat(REQUEST_BYTES_MAX + 1),
        ..apipb::GetTableRequest::default()
    };
    let answer: Result<apipb::GetTableResponse, Status> =
        call(&channel, "/apipb.GobgpApi/GetTable", request).await;
    assert_eq!(answer.expect_err("too large").code(), Code::OutOfRange);
}

/// The bound on connections, reached: one more waits, and is served when another has gone.
#[tokio::test]
async fn one_connection_beyond_the_bound_waits_for_another_to_end() {
    let served = serve().await;
    let mut idle = Vec::new();
    for _ in 0..albedo_api::CONNECTIONS_MAX {
        let mut stream = TcpStream::connect(served.addr).await.expect("it listens");
        // The server's settings come as soon as it has taken the connection.
        stream.read_u8().await.expect("it speaks first");
        idle.push(stream);
    }
    assert_eq!(served.places.open(), albedo_api::CONNECTIONS_MAX as u64);
    let late = tokio::spawn({
        let endpoint = Endpoint::from_shared(format!("http://{}", served.addr)).expect("valid");
        async move {
            let channel = endpoint.connect().await.expect("the kernel takes it");
            call::<_, apipb::GetBgpResponse>(
                &channel,
                "/apipb.GobgpApi/GetBgp",
                apipb::GetBgpRequest {},
            )
            .await
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!late.is_finished());
    drop(idle.pop());
    assert!(late.await.expect("no panic").is_ok());
    drop(idle);
    while served.places.open() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The bound on requests of a connection, reached: one more waits until another has ended.
#[tokio::test]
async fn one_request_beyond_the_bound_waits_for_another_to_end() {
    let served = serve().await;
    let channel = connect(&served).await;
    let watch = async || {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.expect("it is connected");
        let path = http::uri::PathAndQuery::from_static("/grpc.health.v1.Health/Watch");
        let codec: ProstCodec<HealthCheckRequest, HealthCheckResponse> = ProstCodec::default();
        let request = Request::new(HealthCheckRequest::default());
        let mut told =
            client.server_streaming(request, path, codec).await.expect("served").into_inner();
        told.message().await.expect("it goes on").expect("how it is");
        told
    };
    let mut open = Vec::new();
    for _ in 0..REQUESTS_PER_CONNECTION_MAX {
        open.push(watch().await);
    }
    let late = tokio::spawn({
        let channel = channel.clone();
        async move {
            let path = "/apipb.GobgpApi/GetBgp";
            call::<_, apipb::GetBgpResponse>(&channel, path, apipb::GetBgpRequest {}).await
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!late.is_finished());
    drop(open.pop());
    assert!(late.await.expect("no panic").is_ok());
}

/// What reflection tells, read as octets: the names of the services are in it.
#[tokio::test]
async fn reflection_names_the_services() {
    let served = serve().await;
    let channel = connect(&served).await;
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.expect("it is connected");
        // list_services is field 7 of the request, a string.
        let ask = futures_util::stream::iter([Raw(Bytes::from_static(&[0x3a, 0]))]);
        let answer = client
            .streaming(Request::new(ask), path.parse().expect("a path"), RawCodec)
            .await
            .expect("served");
        let answer = answer.into_inner().message().await.expect("well-formed").expect("one");
        let text = String::from_utf8_lossy(&answer.0).into_owned();
        for name in ["apipb.GobgpApi", "api.GoBgpService", "grpc.health.v1.Health"] {
            assert!(text.contains(name), "{version}: {text}");
        }
    }
}

/// A message as its octets.
#[derive(Debug)]
struct Raw(Bytes);

#[derive(Clone, Debug)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Raw;
    type Decode = Raw;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl tonic::codec::Encoder for RawCodec {
    type Item = Raw;
    type Error = Status;

    fn encode(
        &mut self,
        item: Raw,
        buffer: &mut tonic::codec::EncodeBuf<'_>,
    ) -> Result<(), Status> {
        prost::bytes::BufMut::put(buffer, item.0);
        Ok(())
    }
}

impl tonic::codec::Decoder for RawCodec {
    type Item = Raw;
    type Error = Status;

    fn decode(&mut self, buffer: &mut tonic::codec::DecodeBuf<'_>) -> Result<Option<Raw>, Status> {
        use prost::bytes::Buf as _;
        let len = buffer.remaining();
        Ok(Some(Raw(buffer.copy_to_bytes(len))))
    }
}
