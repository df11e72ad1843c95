#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use kairos_core::ids::DeviceId;

use super::*;
use crate::auth::{Notice, Revoked};
use crate::clock::Clock;
use crate::health::Board;

struct House {
    dir: tempfile::TempDir,
    auth: Auth,
    _listener: AbortOnDropHandle<()>,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // As a hub that was killed leaves it.
        drop(std::os::unix::net::UnixListener::bind(socket(dir.path())).unwrap());
        let store = Store::open(dir.path(), Clock::manual(1_795_514_400_000), &Board::default()).await.unwrap();
        let auth = Auth::open(store.clone(), None).await.unwrap();
        let settings = crate::backup::Settings { folder: dir.path().join("backups"), every: None, keep: 1 };
        let (backups, _) = Backups::new(settings, store.clone(), Board::default());
        let listener = serve(dir.path(), auth.clone(), store, backups).unwrap();
        Self { dir, auth, _listener: listener }
    }

    async fn ask(&self, request: Request) -> Result<Value, Refusal> {
        ask(self.dir.path(), &request).await.expect("a hub listens")
    }

    async fn say(&self, bytes: &[u8]) -> io::Result<String> {
        let mut stream = UnixStream::connect(socket(self.dir.path())).await?;
        stream.write_all(bytes).await?;
        read_line(&mut stream).await
    }
}

fn ada() -> Request {
    Request::UserAdd {
        email: "ada@example.org".into(),
        name: "Ada".into(),
        password: "long enough".into(),
        admin: true,
        tz: Some("Europe/Vienna".into()),
    }
}

#[tokio::test]
async fn the_command_line_reaches_a_running_hub() {
    let house = House::new().await;
    let code = house.ask(Request::SetupCode { renew: false }).await.unwrap()["setup_code"].clone();
    assert_eq!(code.as_str(), house.auth.setup_code().as_deref());
    let renewed = house.ask(Request::SetupCode { renew: true }).await.unwrap()["setup_code"].clone();
    assert!(renewed != code && renewed.as_str() == house.auth.setup_code().as_deref());

    let made = house.ask(ada()).await.unwrap();
    assert_eq!((made["email"].as_str(), made["role"].as_str()), (Some("ada@example.org"), Some("admin")));
    assert!(!house.auth.setup_needed(), "the hub knows at once");
    let refused = house.ask(Request::SetupCode { renew: true }).await.unwrap_err();
    assert_eq!(refused.message, "This hub is already set up.");
    assert!(!house.ask(ada()).await.unwrap_err().usage);
    let short = Request::UserResetPassword { user: "ada@example.org".into(), password: "short".into() };
    assert!(house.ask(short).await.unwrap_err().usage);

    let token = house.ask(Request::TokenCreate { user: "ADA@example.org".into(), name: "ha".into() }).await.unwrap();
    assert!(house.auth.principal(token["token"].as_str().unwrap()).await.is_ok());
    let list = house.ask(Request::UserList).await.unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let bo = Request::UserAdd {
        email: "bo@example.org".into(),
        name: "Bo".into(),
        password: "long enough".into(),
        admin: false,
        tz: None,
    };
    house.ask(bo).await.unwrap();
    assert_eq!(house.auth.usual_zone().await.unwrap().as_deref(), Some("Europe/Vienna"));
    let nobody = house.ask(Request::UserDisable { user: "nobody".into() }).await.unwrap_err();
    assert_eq!(nobody.message, "There is no such person.");
}

#[tokio::test]
async fn what_it_revokes_is_revoked_in_the_running_hub() {
    let house = House::new().await;
    house.ask(ada()).await.unwrap();
    let keeper = house.auth.clone();
    let _upkeep = AbortOnDropHandle::new(tokio::spawn(async move { keeper.run().await }));
    let add = || Request::DeviceAdd { user: "ada@example.org".into(), name: "Kitchen".into(), kind: "button".into() };
    let device = house.ask(add()).await.unwrap();
    let id = device["device_id"].as_str().unwrap().to_owned();
    let password = device["password"].as_str().unwrap().as_bytes().to_vec();
    assert_eq!((device["username"].as_str(), password.len()), (Some(id.as_str()), 43));
    assert_eq!(device["topic"], format!("kairos/device/{id}"));
    assert!(house.auth.device_login(&id, &password).await.unwrap().is_some());
    let list = house.ask(Request::DeviceList).await.unwrap();
    assert_eq!(
        (list["items"][0]["name"].as_str(), list["items"][0]["user"].as_str()),
        (Some("Kitchen"), Some("ada@example.org"))
    );

    let mut news = house.auth.revocations();
    house.ask(Request::DeviceRevoke { device: id.clone() }).await.unwrap();
    assert_eq!(news.next().await, Some(Notice::Revoked(Revoked::Device(DeviceId::new(id.as_str()).unwrap()))));
    assert!(house.auth.device_login(&id, &password).await.unwrap().is_none());
    assert!(house.ask(Request::DeviceRevoke { device: "nothing".into() }).await.is_err());
    let odd = Request::DeviceAdd { user: "ada@example.org".into(), name: "x".into(), kind: "bridge".into() };
    assert!(house.ask(odd).await.unwrap_err().usage);
}

#[tokio::test]
async fn the_socket_is_private_and_what_is_said_wrong_on_it_is_answered() {
    let house = House::new().await;
    let path = socket(house.dir.path());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for wrong in
        ["\n", "{}\n", "nonsense\n", "{\"ask\":\"user_enable\",\"user\":\"a\",\"more\":1}\n", "{\"ask\":\"rm\"}\n"]
    {
        let answer = house.say(wrong.as_bytes()).await.unwrap();
        assert!(answer.contains("does not know that request"), "{wrong}: {answer}");
    }
    // More than a line may hold: the connection ends, and the next is served.
    assert!(house.say(&vec![b'x'; 2 << 20]).await.is_err());
    let silent: Vec<_> = [(), (), ()].map(|()| std::os::unix::net::UnixStream::connect(&path).unwrap()).into();
    assert!(house.ask(Request::UserList).await.is_ok(), "silent ones do not keep others out");
    drop(silent);
}

#[tokio::test]
async fn without_a_hub_nobody_answers() {
    let dir = tempfile::tempdir().unwrap();
    assert!(ask(dir.path(), &Request::UserList).await.is_none());
    drop(std::os::unix::net::UnixListener::bind(socket(dir.path())).unwrap());
    assert!(ask(dir.path(), &Request::UserList).await.is_none(), "a socket left over is nobody");
}
