//! What is refused: files that are no backups, people who may not, names that are none.

use super::*;

#[tokio::test]
async fn what_is_no_backup_is_refused_in_one_sentence_and_nothing_happens() {
    let mut scene = Scene::new(House::builder(), 1).await;
    scene.press(300).await;
    let good = std::fs::read(scene.backup("good.sqlite").await).unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = scene.path(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    // Without its seal: a database as another hub would have it.
    let bare = &good[..good.windows(7).rposition(|word| word == b"\nkairos").unwrap()];
    let sql = |name: &str, sql: &str, content: &[u8]| {
        let path = file(name, content);
        #[expect(clippy::disallowed_methods, reason = "somebody else's program")]
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        path
    };
    let cases = [
        (sql("foreign", "CREATE TABLE bookmarks (url); INSERT INTO bookmarks VALUES ('x')", b""), "another program"),
        (sql("newer", "PRAGMA user_version = 4711", bare), "newer version"),
        (file("half", &good[..good.len() / 2]), "cut off"),
        (file("almost", &good[..good.len() - 1]), "cut off"),
        (file("flipped", &flipped), "damaged"),
        (file("letter.txt", b"Dear hub,\nplease remember everything.\n"), "not a database"),
        (file("nothing", b""), "it is empty"),
        (scene.dir.path().to_owned(), "it is a folder"),
        (scene.path("absent"), "no such file"),
        (scene.house.database(), "own database"),
    ];
    let health = scene.house.health().await;
    // When the button was last seen is written down a moment later.
    let unlike = ["device_secrets"];
    let before = Database::open(&scene.house.database()).content(&unlike);
    for running in [true, false] {
        for (path, words) in &cases {
            let said = refused(&scene.house.cli(&["restore", "--yes", text(path)]).await, 1);
            assert!(said.contains(words) && said.contains(text(path)), "{words}: {said}");
            let json = scene.house.cli(&["restore", "--yes", "--json", text(path)]).await;
            let told: Value = serde_json::from_slice(&json.stdout).unwrap();
            assert!(told["error"].as_str().unwrap().contains(words), "{told}");
        }
        assert!(refused(&scene.house.cli(&["restore", text(&scene.path("good.sqlite"))]).await, 2).contains("--yes"));
        let said = refused(&scene.house.cli(&["backup", text(&scene.path("flipped"))]).await, 1);
        assert!(said.contains("already a file"), "{said}");
        assert_eq!(std::fs::read(scene.path("flipped")).unwrap(), flipped);
        assert_eq!(replaced(scene.house.data_dir()).len(), 0);
        assert_eq!(Database::open(&scene.house.database()).content(&unlike), before);
        if running {
            assert_eq!(scene.house.health().await, health);
            scene.house.is_well().await;
            scene.house.stop().await;
        }
    }
    let nowhere = scene.path("nowhere");
    let said = refused(&House::builder().attempt(&nowhere, &["backup", text(&scene.path("new"))]).await, 1);
    assert!(said.contains("no database") && !nowhere.exists() && !scene.path("new").exists(), "{said}");
}

#[tokio::test]
async fn administrators_make_list_fetch_and_restore_backups_and_nobody_else() {
    let mut scene = Scene::new(House::builder().env("KAIROS_STORE_BACKUP_KEEP", "2"), 1).await;
    scene.press(5).await;
    let bo = scene.house.add_person(&scene.ada, "bo@example.org").await;
    let token = scene.ada.post("/api/tokens", json!({ "name": "script" })).await;
    let holding = |token: &str| {
        let mut person = scene.ada.clone();
        token.clone_into(&mut person.token);
        person
    };
    let (token, nobody) = (holding(token["token"].as_str().unwrap()), holding("x"));
    let first = scene.ada.post("/api/backups", json!({})).await;
    let name = first["name"].as_str().unwrap().to_owned();
    assert_eq!(first["verified"], true);
    let of = |name: &str, what: &str| format!("/api/backups/{name}/{what}");
    for (person, status) in [(&bo, 403), (&token, 403), (&nobody, 401)] {
        for (method, path) in [
            (Method::GET, "/api/backups".to_owned()),
            (Method::POST, "/api/backups".to_owned()),
            (Method::GET, of(&name, "download")),
            (Method::POST, of(&name, "restore")),
        ] {
            assert_eq!(person.ask(method.clone(), &path, None).await.0, status, "{method} {path}");
        }
    }
    let list = scene.ada.get("/api/backups").await;
    assert_eq!(list, json!({ "items": [first], "next": null }));
    for trick in [
        "..%2Fhub.db",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e%2fkeys.json",
        "hub.db",
        "%2Fetc%2Fpasswd",
        "kairos-2020-01-01T000000Z.sqlite",
        &format!("{name}%00"),
        &format!("..%2Fbackups%2F{name}"),
        &format!(".{name}.part"),
        "%ff",
    ] {
        for (method, what) in [(Method::GET, "download"), (Method::POST, "restore")] {
            let (status, body) = scene.ada.ask(method, &of(trick, what), None).await;
            assert_eq!((status, &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!("not_found")), "{trick}");
        }
    }

    let folder = scene.house.data_dir().join("backups");
    let answer = scene.ada.request(Method::GET, &of(&name, "download")).send().await.unwrap();
    let headers = answer.headers().clone();
    assert_eq!(headers["content-type"], "application/vnd.sqlite3");
    assert_eq!(headers["content-disposition"], format!("attachment; filename=\"{name}\""));
    let bytes = answer.bytes().await.unwrap();
    assert_eq!(headers["content-length"], bytes.len().to_string());
    assert_eq!(bytes, std::fs::read(folder.join(&name)).unwrap());

    // Two are kept.
    scene.press(5).await;
    for _ in 0..2 {
        scene.ada.post("/api/backups", json!({})).await;
    }
    let items = scene.ada.get("/api/backups").await["items"].clone();
    let names: Vec<&str> = items.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert!(names.len() == 2 && !names.contains(&name.as_str()), "{names:?}");

    // One that rots is refused; then nothing happens.
    let (newest, older) = (names[0].to_owned(), names[1].to_owned());
    let mut rotten = std::fs::read(folder.join(&newest)).unwrap();
    let middle = rotten.len() / 2;
    rotten[middle] ^= 1;
    std::fs::write(folder.join(&newest), rotten).unwrap();
    let (status, body) = scene.ada.ask(Method::POST, &of(&newest, "restore"), None).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("refused")));
    assert!(body["error"]["message"].as_str().unwrap().contains("damaged"), "{body}");

    scene.press(7).await;
    let pid = scene.house.pid();
    let (status, body) = scene.ada.ask(Method::POST, &of(&older, "restore"), None).await;
    assert_eq!((status, body), (StatusCode::ACCEPTED, json!({ "status": "restarting", "name": older })));
    until("the hub is back", async || {
        let kept = !replaced(scene.house.data_dir()).is_empty();
        (kept && scene.house.http.get(scene.house.url("/health")).send().await.is_ok()).then_some(())
    })
    .await;
    scene.sign_in().await;
    assert_eq!((scene.held().len(), scene.house.pid()), (10, pid));
    let kept = replaced(scene.house.data_dir()).pop_last().unwrap();
    assert_eq!(presses(&kept).len(), 17);
    let events = named(&kept.with_extension("json"));
    assert_eq!(events["completion_events"].len(), 7);
    scene.press(1).await;
    scene.house.is_well().await;

    let described = scene.ada.get("/api/openapi.json").await;
    for (path, method, statuses) in [
        ("/api/backups", "get", &["200", "401", "403", "421", "503"][..]),
        ("/api/backups", "post", &["201", "202", "401", "403", "421", "503"]),
        ("/api/backups/{name}/download", "get", &["200", "401", "403", "404", "421", "503"]),
        ("/api/backups/{name}/restore", "post", &["202", "401", "403", "404", "421", "422", "503"]),
    ] {
        let responses = described["paths"][path][method]["responses"].as_object().unwrap();
        let named: Vec<&String> = responses.keys().collect();
        assert_eq!(named, statuses, "{method} {path}");
    }
}
