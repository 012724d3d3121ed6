//! What is not served, and what to do instead.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use tonic::Status;
use tower::{Layer, Service};

/// Methods that are served.
const SERVED: &[&str] = &[
    "GetBgp",
    "GetTable",
    "ListDynamicNeighbor",
    "ListPath",
    "ListPeer",
    "ListPeerGroup",
    "WatchEvent",
];

/// Why a method of GoBGP's services is not served; `None` if it is, or is not one of theirs.
fn refusal(path: &str) -> Option<&'static str> {
    let method = ["/apipb.GobgpApi/", "/api.GoBgpService/"]
        .into_iter()
        .find_map(|service| path.strip_prefix(service))?;
    if SERVED.contains(&method) {
        return None;
    }
    let changes = |word: &str| {
        let verbs = ["Add", "Delete", "Update", "Enable", "Disable", "Set", "Shutdown", "Reset"];
        verbs.iter().any(|verb| method.strip_prefix(verb).is_some_and(|it| it.starts_with(word)))
    };
    Some(match method {
        "ResetPeer" => "this interface only reads: `albedo reset ADDRESS` resets a session",
        "SetLogLevel" => "this interface only reads: `albedo log-level` sets the level of the log",
        "StartBgp" | "StopBgp" => {
            "this interface only reads: the program begins with BGP and ends with it"
        }
        _ if changes("Peer") || changes("DynamicNeighbor") => {
            "this interface only reads: peers come of the configuration and of the Calico \
             cluster; change these, and `albedo reload` for the former"
        }
        _ if changes("Path") => "a reflector passes on what its peers announce and adds nothing",
        _ if method.contains("Rpki") => "routes are not validated by RPKI here",
        _ if method.contains("Vrf") => "there is one table, and no VRF",
        _ if method.contains("Polic")
            || method.contains("Statement")
            || method.contains("Defined") =>
        {
            "this interface only reads, and policies are in the configuration file"
        }
        _ => "this method is not served",
    })
}

/// Refuses what is not served before anything is read of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unserved;

/// See [`Unserved`].
#[derive(Clone, Debug)]
pub(crate) struct Refusing<S>(S);

impl<S> Layer<S> for Unserved {
    type Service = Refusing<S>;

    fn layer(&self, inner: S) -> Refusing<S> {
        Refusing(inner)
    }
}

impl<S, B, R> Service<http::Request<B>> for Refusing<S>
where
    S: Service<http::Request<B>, Response = http::Response<R>>,
    R: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        match refusal(request.uri().path()) {
            Some(why) => Either::Right(ready(Ok(Status::unimplemented(why).into_http()))),
            None => Either::Left(self.0.call(request)),
        }
    }
}
