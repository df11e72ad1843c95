//! A screen: the websocket as a client sees it.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::PATIENCE;

/// An open websocket.
pub struct Screen {
    socket: WebSocketStream<TcpStream>,
    next_id: u64,
}

impl Screen {
    /// Connects to `http://host:port` and signs in with a token.
    pub async fn open(base: &str, token: &str) -> Self {
        Self::connect(base).await.sign_in(token).await
    }

    /// The same with as little room for what is unread as the system allows.
    pub async fn open_narrow(base: &str, token: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let address = base.trim_start_matches("http://").parse().unwrap();
        Self::over(base, socket.connect(address).await.unwrap()).await.sign_in(token).await
    }

    async fn sign_in(self, token: &str) -> Self {
        let mut screen = self;
        assert_eq!(screen.hear().await["type"], "auth_required");
        screen.say(&json!({ "type": "auth", "access_token": token })).await;
        assert_eq!(screen.hear().await["type"], "auth_ok");
        screen
    }

    /// Connects and says nothing.
    pub async fn connect(base: &str) -> Self {
        let address = base.trim_start_matches("http://");
        Self::over(base, TcpStream::connect(address).await.unwrap()).await
    }

    async fn over(base: &str, stream: TcpStream) -> Self {
        let address = base.trim_start_matches("http://");
        let (socket, _) =
            tokio_tungstenite::client_async(format!("ws://{address}/api/websocket"), stream).await.unwrap();
        Self { socket, next_id: 1 }
    }

    /// Sends a message.
    pub async fn say(&mut self, message: &Value) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    /// Sends anything a websocket can carry; an error means that the hub has closed it.
    pub async fn throw(&mut self, message: Message) -> bool {
        self.socket.send(message).await.is_ok()
    }

    /// Subscribes from a position, without today; gives the result.
    pub async fn resume(&mut self, epoch: &str, seq: i64) -> Value {
        self.call("subscribe", json!({ "after": { "epoch": epoch, "seq": seq } })).await["result"].clone()
    }

    /// The next message; panics when none comes.
    pub async fn hear(&mut self) -> Value {
        match self.hear_or_end().await {
            Ok(message) => message,
            Err(code) => panic!("the websocket was closed: {code:?}"),
        }
    }

    /// The next message, or the code with which the hub closed.
    pub async fn hear_or_end(&mut self) -> Result<Value, Option<u16>> {
        loop {
            let heard = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("the hub says something");
            match heard {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Sends a numbered command and gives its result; what comes before it is dropped.
    pub async fn call(&mut self, kind: &str, fields: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        let mut message = fields;
        message["id"] = id.into();
        message["type"] = kind.into();
        self.say(&message).await;
        loop {
            let heard = self.hear().await;
            if heard["id"] == id && (heard["type"] == "result" || heard["type"] == "pong") {
                return heard;
            }
        }
    }

    /// Subscribes from here on; gives the result.
    pub async fn subscribe(&mut self) -> Value {
        self.call("subscribe", json!({ "after": null, "today": true })).await["result"].clone()
    }

    /// The next event that meets a condition.
    pub async fn event(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let heard = self.hear().await;
            if heard["type"] == "event" && wanted(&heard["event"]) {
                return heard["event"].clone();
            }
        }
    }

    /// Waits until the day shows a habit in a state.
    pub async fn sees(&mut self, habit_id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let heard = self.hear().await;
            let items = heard["today"]["items"].as_array();
            let item = items.and_then(|items| items.iter().find(|item| item["habit_id"] == habit_id));
            if let Some(item) = item.filter(|item| wanted(item)) {
                return item.clone();
            }
        }
    }
}
