//! What a phone sends, whatever is in it.

use super::*;

impl Person {
    /// Sends a body as it is.
    async fn send(&self, method: &str, body: &str) -> Answer {
        let headers = format!("Authorization: Bearer {}\r\n", self.token);
        ask_with(self.port, method, "/api/data", &headers, body).await
    }
}

fn results(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["results"].as_array().unwrap().iter().map(|result| result["result"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn no_value_in_it_refuses_an_upload() {
    let house = House::new().await;
    let ada = &house.ada;
    let tea = r#"{"op":"PUT","table":"habits","id":"tea","data":{"name":"Tea \ud83d","anchor_behavior":"x"}}"#;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for (n, poison) in ["1e999", "-1e400", &deep, r#"{"a":[1e999]}"#].into_iter().enumerate() {
        let bad = format!(r#"{{"op":"PATCH","table":"habits","id":"tea","data":{{"x{n}":{poison}}}}}"#);
        let body = format!(
            r#"{{"more":{poison},"batch":[{tea},{bad},{{"op":"PATCH","table":"habits","id":"tea","data":{{"color":"red{n}"}}}}]}}"#
        );
        assert_eq!(results(&ada.send("POST", &body).await), ["applied", "quarantined", "applied"], "{poison}");
        let row = format!(r#"{{"table":"habits","data":{{"id":"tea","x":{poison}}}}}"#);
        for method in ["PUT", "PATCH", "DELETE"] {
            assert_eq!(results(&ada.send(method, &row).await), ["quarantined"], "{method} {poison}");
        }
    }
    let half = r#"{"table":"habits","data":{"id":"tea","name":"Tea \ud83d\ude00 \udc00"}}"#;
    assert_eq!(results(&ada.send("PATCH", half).await), ["applied"]);
    let items = ada.ask("GET", "/api/habits", None).await.body["items"].clone();
    assert_eq!((&items[0]["name"], &items[0]["color"]), (&json!("Tea \u{1f600} \u{fffd}"), &json!("red3")));
    let conflicts = ada.ask("GET", "/api/conflicts", None).await.body["items"].clone();
    assert_eq!(conflicts.as_array().unwrap().len(), 16);
    assert!(conflicts[0]["reason"].as_str().unwrap().starts_with("It cannot be read: "), "{conflicts}");
    // What is no upload stays none.
    for (body, status) in [
        ("{\"batch\":[],\"batch\":[{}]}", 400),
        ("{\"batch\":[", 400),
        ("", 400),
        ("{\"batch\":[{}}", 400),
        ("{\"batch\":[tea]}", 400),
    ] {
        assert_eq!(ada.send("POST", body).await.status, status, "{body}");
    }
    for body in ["[]", "7", "{}", "{\"batch\":{}}", "null"] {
        assert_eq!(ada.send("POST", body).await.status, 422, "{body}");
    }
    let wide = format!("{{\"batch\":[{}0]}}", "0,".repeat(300_000));
    assert_eq!(ada.send("POST", &wide).await.status, 413);
    assert_eq!(ada.send("POST", &format!("{{\"batch\":[{}0]}}", "0,".repeat(5_000))).await.status, 413);
}

#[tokio::test]
async fn a_large_operation_that_was_set_aside_is_a_note_on_phones_and_whole_on_the_hub() {
    let house = House::new().await;
    let (ada, bo) = (&house.ada, house.add("bo").await);
    let mut phone = Replica::new("phone");
    let mut stream = ada.sync(&mut phone).await;
    stream.complete(&mut phone).await;
    let large = |n: usize| json!({ "op": "PATCH", "table": "habits", "id": "none", "data": { "name": "x".repeat(n) } });
    let batch = json!({ "batch": [large(300_000), large(10), large(400_000)] });
    let told = ada.ask("POST", "/api/data", Some(&batch)).await.body;
    let id = told["results"][0]["conflicts"][0].as_str().unwrap();
    stream.until(&mut phone, "the entry", |phone| phone.row("conflicts", id).is_some()).await;
    assert!(phone.row("conflicts", id).unwrap().to_string().len() < 2000);
    let listed = ada.ask("GET", "/api/conflicts", None).await.body["items"][0]["operations"].clone();
    assert!(listed[0]["bytes"].as_u64() > Some(300_000) && listed[1] == large(10), "{listed}");
    let path = format!("/api/conflicts/{id}/operations");
    let first = ada.ask("GET", &path, None).await.body;
    assert_eq!((&first["items"], &first["next"]), (&json!([large(300_000), large(10), large(400_000)]), &json!(null)));
    let one = ada.ask("GET", &format!("{path}?after=1&limit=1"), None).await.body;
    assert_eq!((&one["items"], &one["next"]), (&json!([large(10)]), &json!(2)));
    assert_eq!(ada.ask("GET", &format!("{path}?after=99"), None).await.body, json!({ "items": [], "next": null }));
    assert_eq!(bo.ask("GET", &path, None).await.status, 404);
    assert_eq!(ada.ask("GET", "/api/conflicts/nothing/operations", None).await.status, 404);
}
