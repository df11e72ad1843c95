#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::IpAddr;
use std::time::Duration;

mod wrong;

use super::read::Environment;
use super::*;

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read_with(text: &str, pairs: &[(&str, &str)]) -> Result<Config, Vec<Mistake>> {
    Config::from_text(text, None, &Environment::collect(env(pairs)), &[])
}

fn read(text: &str) -> Result<Config, Vec<Mistake>> {
    read_with(text, &[])
}

fn said(result: Result<Config, Vec<Mistake>>) -> String {
    let mistakes = result.expect_err("these settings are wrong");
    mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n")
}

/// Every wrong file and all that is said about it.
#[track_caller]
fn wrong(text: &str, expected: &str) {
    assert_eq!(said(read(text)), expected, "\n--- for ---\n{text}");
}

#[track_caller]
fn wrong_env(name: &str, value: &str, expected: &str) {
    assert_eq!(said(read_with("", &[(name, value)])), expected);
}

#[test]
fn the_shipped_file_says_exactly_the_defaults() {
    let mut shipped = read(DEFAULTS).unwrap();
    shipped.data_dir = Config::default().data_dir;
    assert_eq!(shipped, Config::default());
}

#[test]
fn the_shipped_file_has_every_key_in_order_with_a_sentence_above() {
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    let mut documented = Vec::new();
    let (mut section, mut group) = (String::new(), String::new());
    for (index, line) in lines.iter().enumerate() {
        let Some((name, _)) = line.split_once(':').filter(|_| !line.trim_start().starts_with('#')) else {
            continue;
        };
        let above = lines[index.checked_sub(1).unwrap()].trim_start();
        assert!(above.starts_with("# ") && above.ends_with('.'), "no sentence above line {}: {line}", index + 1);
        let rest = line.split_once(':').map(|(_, rest)| rest.trim()).unwrap_or_default();
        match (name.strip_prefix("    "), name.strip_prefix("  ")) {
            (Some(key), _) => documented.push(format!("{section}.{group}.{key}")),
            (None, Some(key)) if rest.is_empty() => group = key.to_owned(),
            (None, Some(key)) => documented.push(format!("{section}.{key}")),
            (None, None) => section = name.to_owned(),
        }
    }
    let mut config = Config::default();
    let keys: Vec<String> = config.fields().iter().map(|field| format!("{}.{}", field.section, field.key)).collect();
    assert_eq!(documented, keys);
}

#[test]
fn nothing_planned_is_already_there() {
    let mut config = Config::default();
    for field in config.fields() {
        assert!(!sections::PLANNED.contains(&(field.section, field.key)));
        assert!(!sections::PLANNED.contains(&(field.section, "*")));
    }
}

#[test]
fn no_file_an_empty_file_and_empty_sections_mean_the_defaults() {
    for text in ["", "\n", "# nothing\n", "---\n", "http:\n", "http: {}\nmqtt:\n  # listen: x\n"] {
        let config = read(text).unwrap();
        assert_eq!(config.http, Http::default(), "{text:?}");
        assert_eq!(config.mqtt, Mqtt::default(), "{text:?}");
    }
}

#[test]
fn good_values_are_read() {
    let config = read(
        r#"
http: { listen: "[::1]:0", names: [Habits.Example.org., pi], trusted_proxies: [127.0.0.1, "10.0.0.0/8", fd00::/8] }
mqtt:
  max_packet: 1 MiB
  commit_timeout: 250ms
  device_rate: 0x10
tls: { mode: OFF }
discovery: { enabled: false, interfaces: [eth0] }
auth: { setup_code: 123456 }
store: { data_dir: /srv/kairos }
log: { level: debug, format: json }
"#,
    )
    .unwrap();
    assert_eq!(config.http.listen, "[::1]:0".parse().unwrap());
    assert_eq!(config.http.names.iter().map(HostName::as_str).collect::<Vec<_>>(), ["habits.example.org", "pi"]);
    let trusted = |text: &str| {
        let address: IpAddr = text.parse().unwrap();
        config.http.trusted_proxies.iter().any(|network| network.contains(address))
    };
    assert!(trusted("127.0.0.1") && trusted("::ffff:127.0.0.1") && trusted("10.200.1.1") && trusted("fd12::1"));
    assert!(!trusted("127.0.0.2") && !trusted("11.0.0.1") && !trusted("fe80::1") && !trusted("::1"));
    assert_eq!(config.mqtt.max_packet.bytes(), 1024 * 1024);
    assert_eq!(config.mqtt.commit_timeout, Duration::from_millis(250));
    assert_eq!(config.mqtt.device_rate, 16);
    assert_eq!(config.tls.mode, TlsMode::Off);
    assert_eq!(config.discovery.interfaces[0].as_str(), "eth0");
    assert_eq!(config.auth.setup_code.as_ref().unwrap().expose(), "123456");
    assert_eq!(config.data_dir, Path::new("/srv/kairos"));
    assert_eq!(config.log.directives(), "debug");
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let text = "log: { level: warn }\nhttp: { listen: '127.0.0.1:1' }\n";
    let variables = env(&[
        ("KAIROS_LOG_LEVEL", "debug"),
        ("KAIROS_HTTP_NAMES", "a.example, b.example"),
        ("KAIROS_HTTP_TRUSTED_PROXIES", ""),
        ("KAIROS_TLS_DEVICES_ALLOW_TLS12", "true"),
        ("KAIROS_STORE_DATA_DIR", "/from/env"),
        ("KAIROS_SETUP_CODE", "ABCD-1234"),
        ("KAIROS_LOG", "info,kairos_hub=trace"),
        ("KAIROS_TEST_ANYTHING", "1"),
        ("KAIROS_SKIP_WEB", "1"),
        ("KAIROS_PORT_8420_TCP", "tcp://10.0.0.1:8420"),
        ("PATH", "/bin"),
    ]);
    let flag = Override { key: "store.data_dir", value: "/from/flag".to_owned(), from: "--data-dir" };
    let config = Config::from_text(text, None, &Environment::collect(variables), &[flag]).unwrap();
    assert_eq!(config.log.level, LogLevel::Debug);
    assert_eq!(config.log.directives(), "info,kairos_hub=trace");
    assert_eq!(config.http.listen, "127.0.0.1:1".parse().unwrap());
    assert_eq!(config.http.names.len(), 2);
    assert!(config.tls.devices_allow_tls12);
    assert_eq!(config.data_dir, Path::new("/from/flag"));
    assert_eq!(config.auth.setup_code.unwrap().expose(), "ABCD-1234");
}

#[test]
fn secrets_are_masked_everywhere() {
    let planted = "canary-7431";
    let config = read(&format!("auth: {{ setup_code: {planted} }}\n")).unwrap();
    for text in [config.show_yaml(), config.show_json().to_string(), format!("{config:?}"), format!("{config:#?}")] {
        assert!(!text.contains(planted) && text.contains("********"), "{text}");
    }
    let refused = said(read(&format!("auth: {{ setup_code: '{planted} !' }}\n")));
    assert!(!refused.contains(planted), "{refused}");
}

#[test]
fn what_is_shown_can_be_read_again() {
    let text = "http: { names: [a.example], trusted_proxies: [10.0.0.0/8] }\nmqtt: { commit_timeout: 90s }\nstore: { data_dir: '/a: b #c' }\n";
    let config = read(text).unwrap();
    assert_eq!(read(&config.show_yaml()).unwrap(), config);
    assert_eq!(config.show_json()["mqtt"]["commit_timeout"], "90s");
    assert_eq!(config.show_json()["http"]["trusted_proxies"], serde_json::json!(["10.0.0.0/8"]));
    assert_eq!(config.show_json()["store"]["data_dir"], "/a: b #c");
}

#[test]
fn files_are_found_and_their_relative_paths_start_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.yaml");
    std::fs::write(&path, "store: { data_dir: data }\n").unwrap();
    for (given, variables) in
        [(Some(path.as_path()), env(&[])), (None, env(&[("KAIROS_CONFIG", path.to_str().unwrap())]))]
    {
        let config = Config::load(given, variables, &[]).unwrap();
        assert_eq!(config.data_dir, folder.path().join("data"));
        assert_eq!(config.file.as_deref(), Some(path.as_path()));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    for (path, expected) in [
        (folder.path().join("absent"), "cannot be read: No such file or directory (os error 2)"),
        (folder.path().to_owned(), "cannot be read: it is not a file"),
        ("/dev/zero".into(), "cannot be read: it is not a file"),
        (file("large", &vec![b'#'; 300 * 1024]), "is larger than 256 KiB"),
        (file("latin1", b"a: 1\nb: \xe9\n"), "is not valid UTF-8 here"),
    ] {
        let said = said(Config::load(Some(&path), env(&[]), &[]));
        assert!(said.contains(path.to_str().unwrap()) && said.ends_with(expected), "{said}");
        assert_eq!(said.contains("line 2"), path.ends_with("latin1"), "{said}");
    }
}

#[test]
fn the_data_directory_follows_the_written_rule() {
    let choose = |pairs: &[(&str, &str)]| place::data_dir(None, &Environment::collect(env(pairs)));
    assert_eq!(choose(&[("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"), ("HOME", "/h")]), Path::new("/var/lib/a"));
    // The tests run in a folder that can be written to.
    assert_eq!(choose(&[("HOME", "/h")]), std::env::current_dir().unwrap().join("kairos-data"));
    assert!(!Path::new("kairos-data").exists(), "choosing a place must not make it");
}

#[test]
fn a_group_of_keys_is_read_shown_and_overridden_as_any_other() {
    let text = "store:\n  backup: { folder: copies, every: 7d }\n";
    let config = read_with(text, &[("KAIROS_STORE_BACKUP_KEEP", "3")]).unwrap();
    let backup = &config.store.backup;
    assert_eq!((backup.folder.as_deref(), backup.keep), (Some(Path::new("copies")), 3));
    assert_eq!(backup.every.period(), Some(Duration::from_secs(7 * 86_400)));
    assert_eq!(
        config.show_json()["store"]["backup"],
        serde_json::json!({ "folder": "copies", "every": "7d", "keep": 3 })
    );
    assert_eq!(read(&config.show_yaml()).unwrap().store.backup, *backup);
    for off in ["off", "OFF", "0", "0s", "false"] {
        let config = read(&format!("store: {{ backup: {{ every: {off} }} }}\n")).unwrap();
        assert_eq!(config.store.backup.every.period(), None, "{off}");
        assert_eq!(config.show_json()["store"]["backup"]["every"], "off");
    }
    assert_eq!(read("store:\n  backup:\n").unwrap().store, Store::default());
}
