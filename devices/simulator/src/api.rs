//! The few HTTP calls that `provision` needs, over hyper, which the hub's own server is built on.
//!
//! hyper rather than ureq or a hand-written client: it adds no crate to the lock file, and parsing HTTP is not for a
//! test tool to reinvent. Plain `http` only; the tool is for a hub on this machine or this network.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// The largest answer read.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// How long a call may take in all.
const PATIENCE: Duration = Duration::from_secs(15);

/// A hub's REST API, as one person.
pub struct Api {
    authority: String,
    token: String,
}

impl Api {
    /// The API at a base address such as `http://127.0.0.1:8420`, with a bearer token.
    pub fn new(base: &str, token: &str) -> Result<Self> {
        let Some(rest) = base.strip_prefix("http://") else {
            bail!("{base}: give the hub's http:// address, such as http://127.0.0.1:8420");
        };
        let authority = rest.trim_end_matches('/');
        if authority.is_empty() || authority.contains('/') {
            bail!("{base}: give only scheme, host and port, such as http://127.0.0.1:8420");
        }
        Ok(Self { authority: authority.to_owned(), token: token.to_owned() })
    }

    /// Calls `method path` with an optional JSON body and returns the JSON answer. Any status but 2xx is an error that
    /// carries the hub's own sentence.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        tokio::time::timeout(PATIENCE, self.exchange(method, path, body))
            .await
            .unwrap_or_else(|_| bail!("no answer within {} seconds", PATIENCE.as_secs()))
            .with_context(|| format!("{method} http://{}{path}", self.authority))
    }

    async fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let address =
            if self.authority.contains(':') { self.authority.clone() } else { format!("{}:80", self.authority) };
        let stream = TcpStream::connect(&address).await.context("nothing answers at that address")?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // The connection ends with this call.
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority)
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.map(Value::to_string).unwrap_or_default())))?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("the answer could not be read: {error}"))?.to_bytes();
        if !status.is_success() {
            let sentence = serde_json::from_slice::<Value>(&body)
                .ok()
                .and_then(|body| body.pointer("/error/message")?.as_str().map(str::to_owned));
            bail!("the hub answered {status}{}", sentence.map(|text| format!(": {text}")).unwrap_or_default());
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).context("the answer is not JSON")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[test]
    fn an_address_is_http_host_and_port() {
        assert!(Api::new("http://127.0.0.1:8420/", "t").is_ok());
        for base in ["https://kairos.local", "127.0.0.1:8420", "http://", "http://host/api"] {
            assert!(Api::new(base, "t").is_err(), "{base}");
        }
    }

    async fn answered_with(answer: &'static str) -> Result<Value> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"{\"name\":\"x\"}") {
                let mut buffer = [0; 1024];
                let n = stream.read(&mut buffer).await.unwrap();
                assert!(n > 0, "the request ended early: {}", String::from_utf8_lossy(&request));
                request.extend_from_slice(&buffer[..n]);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        });
        let got = Api::new(&base, "secret")
            .unwrap()
            .call("POST", "/api/habits", Some(&serde_json::json!({"name":"x"})))
            .await;
        let request = server.await.unwrap().to_lowercase();
        assert!(request.starts_with("post /api/habits http/1.1\r\n"), "{request}");
        assert!(request.contains("authorization: bearer secret\r\n"), "{request}");
        got
    }

    #[tokio::test]
    async fn an_answer_is_json_and_an_error_is_the_hubs_own_sentence() {
        let ok = "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\na\r\n{\"id\":\"1\"}\r\n0\r\n\r\n";
        assert_eq!(answered_with(ok).await.unwrap()["id"], "1");
        let body = r#"{"error":{"code":"invalid_name","message":"A habit needs a name.","details":{}}}"#;
        let refused = format!("HTTP/1.1 422 Unprocessable Content\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let error = answered_with(refused.leak()).await.unwrap_err();
        assert!(format!("{error:#}").ends_with("422 Unprocessable Entity: A habit needs a name."), "{error:#}");
    }
}
