#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

fn candidate(class: Class, credential: &str, session: &str) -> Candidate {
    Candidate {
        session: session.into(),
        grant: Grant { credential: credential.into(), class, prefixes: Vec::new() },
        level: 4,
        will: None,
        transient: class == Class::Pair,
    }
}

fn enter(registry: &Arc<Registry>, credential: &str, session: &str) -> Result<Registered, Denied> {
    registry.register(candidate(Class::Device, credential, session), registry.ticket(), &settings())
}

fn settings() -> Settings {
    Settings { device_clients: 2, ..Settings::default() }
}

#[test]
fn revocation_ends_what_is_connected_and_what_is_on_its_way() {
    let registry = Arc::new(Registry::default());
    let kept = enter(&registry, "b", "s").unwrap();
    let ended = enter(&registry, "a", "s").unwrap();
    let early = registry.ticket();
    assert!(registry.revoke("a").is_empty());
    assert!(ended.link.token.is_cancelled() && ended.link.is_revoked());
    assert!(!kept.link.token.is_cancelled());
    let late = registry.register(candidate(Class::Device, "a", "t"), early, &settings());
    assert_eq!(late.err(), Some(Denied::Revoked));
    assert!(registry.register(candidate(Class::Device, "b", "t"), early, &settings()).is_ok());
    drop(ended);
    assert!(enter(&registry, "a", "s").is_ok(), "a login that began later is judged on its own");
    drop(kept);
    assert_eq!(registry.live(), 0);
}

#[test]
fn stored_sessions_make_room_and_connected_ones_do_not() {
    let registry = Arc::new(Registry::default());
    let one = enter(&registry, "a", "1").unwrap();
    let two = enter(&registry, "a", "2").unwrap();
    assert_eq!(enter(&registry, "a", "3").err(), Some(Denied::TooMany));
    let again = enter(&registry, "a", "2").unwrap();
    drop(two);
    drop(one);
    let three = enter(&registry, "a", "3").unwrap();
    assert_eq!(three.forgotten, ["1"]);
    assert_eq!(enter(&registry, "a", "4").err(), Some(Denied::TooMany));
    drop((again, three));
    let idle = registry.revoke("a");
    assert_eq!(idle, ["2", "3"]);
    assert!(registry.table().credentials.is_empty());
}

#[test]
fn a_pairing_topic_has_one_holder() {
    let registry = Arc::new(Registry::default());
    let pair = |session| registry.register(candidate(Class::Pair, "pair:x", session), registry.ticket(), &settings());
    let holder = pair("s").unwrap();
    assert_eq!(pair("s").err(), Some(Denied::Taken));
    drop(holder);
    assert!(registry.table().credentials.is_empty(), "nothing is left of it");
    assert!(pair("s").is_ok());
}

#[test]
fn presence_is_of_the_credential_not_of_the_connection() {
    let registry = Arc::new(Registry::default());
    let one = enter(&registry, "a", "1").unwrap();
    let two = enter(&registry, "a", "1").unwrap();
    assert!(registry.online(&one.link));
    assert!(!registry.online(&one.link), "counted once");
    assert!(!registry.online(&two.link));
    assert!(!registry.offline(&one.link), "taken over, still there");
    assert!(registry.offline(&two.link));
    assert!(!registry.offline(&two.link));
}

#[tokio::test(start_paused = true)]
async fn the_sweep_forgets_old_sessions() {
    let registry = Arc::new(Registry::default());
    drop(enter(&registry, "a", "1").unwrap());
    let kept = enter(&registry, "b", "1").unwrap();
    registry.sweep(Duration::from_secs(60));
    assert_eq!(registry.table().credentials.len(), 2);
    tokio::time::advance(Duration::from_secs(61)).await;
    registry.sweep(Duration::from_secs(60));
    assert_eq!(registry.table().credentials.keys().collect::<Vec<_>>(), ["b"]);
    drop(kept);
}
