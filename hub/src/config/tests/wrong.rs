//! Every kind of wrong settings, and all that is said about them.

use std::fmt::Write as _;

use super::*;

#[test]
fn all_mistakes_come_at_once_in_the_order_of_the_file() {
    let text = "\
http:
  listen: localhost
  listn: 1
  names:
    - http://habits.example.org
    - fine.example.org
    - a_b
mqtt: { max_connections: many, mode: external }
tls:
  require_tls: yes
logs: {}
";
    wrong(text, "\
line 2: http.listen: \"localhost\" is not an address and a port such as 0.0.0.0:8420, 127.0.0.1:8420 or [::]:8420
line 3: http.listn: there is no such key; did you mean listen?
line 5: http.names[0]: \"http://habits.example.org\" is not a host name such as habits.example.org, without http:// and without a port
line 7: http.names[2]: \"a_b\" is not a host name such as habits.example.org, without http:// and without a port
line 8: mqtt.max_connections: \"many\" is not a whole number
line 8: mqtt.mode: \"external\" is not available yet; write embedded
line 10: tls.require_tls: \"yes\" is not true or false
line 11: logs: there is no such section; did you mean log?");
}

#[test]
fn wrong_structure() {
    wrong("- http\n", "line 1: the file should hold sections such as http: and mqtt:");
    wrong("hello\n", "line 1: the file should hold sections such as http: and mqtt:");
    wrong("\nhttp: 8420\n", "line 2: http: is a section; its keys stand below it, indented");
    wrong("http: [1]\n", "line 1: http: is a section; its keys stand below it, indented");
    wrong("1: 2\n", "line 1: a key here is not a word");
    wrong("http:\n  ? [a, b]\n  : 1\n", "line 2: http: a key here is not a word");
    wrong("listen: 1\n", "line 1: listen: there is no such section; did you mean http.listen or mqtt.listen?");
    wrong("http: {}\nhttp: {}\n", "line 2: http: stands here a second time, first on line 1");
    wrong("log:\n  level: info\n  level: warn\n", "line 3: log.level: stands here a second time, first on line 2");
    wrong("---\nlog: {}\n---\nlog: {}\n", "line 4, column 1: a second document starts here; the settings are one");
}

#[test]
fn unknown_and_planned_keys() {
    wrong("quite_other: {}\n", "line 1: quite_other: there is no such section");
    wrong("http: { prot: 1 }\n", "line 1: http.prot: there is no such key");
    wrong(
        "http: { require_tls: true }\n",
        "line 1: http.require_tls: there is no such key; did you mean tls.require_tls?",
    );
    wrong("mqtt: { max_pakcet: 1KiB }\n", "line 1: mqtt.max_pakcet: there is no such key; did you mean max_packet?");
    wrong("mqtt: { url: x }\n", "line 1: mqtt.url: is not available yet; remove this line");
    wrong(
        "upstream: { public_url: postgres://db/kairos }\n",
        "line 1: upstream.public_url: is only used with upstream.relay; set that or remove this",
    );
    wrong("plugins: []\n", "line 1: plugins: is not available yet; remove this section");
    wrong(
        "auth: { provider: oidc }\n",
        "line 1: auth.provider: \"oidc\" is not available yet; write local or pocketbase",
    );
}

#[test]
fn a_pocketbase_that_cannot_be_used() {
    let url =
        "line 1: auth.pocketbase.url: is not an address such as http://127.0.0.1:8090 or https://accounts.example.org";
    for bad in ["pb.example.org", "ftp://pb", "http://", "http://me:secret@pb", "http://pb/?x=1", "8090"] {
        wrong(&format!("auth: {{ provider: pocketbase, pocketbase: {{ url: '{bad}' }} }}\n"), url);
    }
    wrong(
        "auth:\n  provider: pocketbase\n",
        "line 2: auth.pocketbase.url: auth.provider pocketbase needs its address here, such as http://127.0.0.1:8090",
    );
    wrong(
        "auth: { pocketbase: { url: 'http://pb' } }\n",
        "line 1: auth.pocketbase.url: is only used with auth.provider pocketbase; set that provider or remove this",
    );
    wrong(
        "auth: { provider: pocketbase, pocketbase: { url: 'http://pb', admin_email: a@b.c } }\n",
        "line 1: auth.pocketbase.admin_password_file: is needed with admin_email",
    );
    wrong(
        "auth: { provider: pocketbase, pocketbase: { urls: 'http://pb' } }\n",
        "line 1: auth.pocketbase.urls: there is no such key; did you mean pocketbase.url?\n\
         line 1: auth.pocketbase.url: auth.provider pocketbase needs its address here, such as http://127.0.0.1:8090",
    );
    wrong_env(
        "KAIROS_AUTH_PROVIDER",
        "pocketbase",
        "auth.pocketbase.url: auth.provider pocketbase needs its address here, such as http://127.0.0.1:8090",
    );
}

#[test]
fn a_server_that_is_named_twice_or_in_a_file_that_is_not_there() {
    wrong(
        "upstream: { url: 'postgres://db/kairos', url_file: /dev/null }\n",
        "line 1: upstream.url_file: is one too many beside upstream.url; remove one of the two\n\
         line 1: upstream.url_file: /dev/null cannot be opened: it is not a file",
    );
    wrong_env(
        "KAIROS_UPSTREAM_URL_FILE",
        "/nowhere/url",
        "KAIROS_UPSTREAM_URL_FILE: /nowhere/url cannot be opened: No such file or directory (os error 2)",
    );
}

#[test]
fn wrong_values() {
    let address = "is not an address and a port such as 0.0.0.0:8420, 127.0.0.1:8420 or [::]:8420";
    wrong("http: { listen: 8420 }\n", &format!("line 1: http.listen: \"8420\" {address}"));
    wrong("http: { listen: '1.2.3.4:99999' }\n", &format!("line 1: http.listen: \"1.2.3.4:99999\" {address}"));
    wrong(
        "http: { listen: null }\n",
        "line 1: http.listen: is empty; write an address and a port such as 0.0.0.0:8420, 127.0.0.1:8420 or [::]:8420",
    );
    wrong(
        "http: { listen: [a] }\n",
        "line 1: http.listen: is a list; write an address and a port such as 0.0.0.0:8420, 127.0.0.1:8420 or [::]:8420",
    );
    wrong(
        "log: { level: { a: 1 } }\n",
        "line 1: log.level: has keys of its own; write error, warn, info, debug or trace",
    );
    wrong("log: { level: loud }\n", "line 1: log.level: \"loud\" is not error, warn, info, debug or trace");
    wrong(
        "http: { names: pi }\n",
        "line 1: http.names: is not a list; write [] for none, or each element as a host name such as habits.example.org, without http:// and without a port in brackets",
    );
    wrong(
        "http: { names: [\"-x\"] }\n",
        "line 1: http.names[0]: \"-x\" is not a host name such as habits.example.org, without http:// and without a port",
    );
    wrong(
        "http: { trusted_proxies: [0.0.0.0/0] }\n",
        "line 1: http.trusted_proxies[0]: \"0.0.0.0/0\" would trust every address there is",
    );
    wrong(
        "http: { trusted_proxies: [10.0.0.0/33] }\n",
        "line 1: http.trusted_proxies[0]: \"10.0.0.0/33\" is not an address such as 192.168.1.4, or a network such as 10.0.0.0/8",
    );
    wrong(
        "http: { trusted_proxies: [proxy] }\n",
        "line 1: http.trusted_proxies[0]: \"proxy\" is not an address such as 192.168.1.4, or a network such as 10.0.0.0/8",
    );
    wrong(
        "mqtt: { max_packet: 1 furlong }\n",
        "line 1: mqtt.max_packet: \"1 furlong\" is not a size such as 512KiB or 1MiB",
    );
    wrong(
        "mqtt: { max_packet: 99999999999999GiB }\n",
        "line 1: mqtt.max_packet: \"99999999999999GiB\" is not a size such as 512KiB or 1MiB",
    );
    wrong("mqtt: { max_packet: 1 }\n", "line 1: mqtt.max_packet: is outside 1KiB to 16MiB");
    wrong("mqtt: { max_connections: 0 }\n", "line 1: mqtt.max_connections: is outside 1 to 100000");
    wrong("mqtt: { max_connections: -1 }\n", "line 1: mqtt.max_connections: is outside 1 to 100000");
    wrong("mqtt: { device_rate: -1 }\n", "line 1: mqtt.device_rate: is outside 1 to 100000");
    wrong("mqtt: { device_rate: 5000000000 }\n", "line 1: mqtt.device_rate: is outside 1 to 100000");
    wrong("mqtt: { device_rate: 1.5 }\n", "line 1: mqtt.device_rate: \"1.5\" is not a whole number");
    wrong(
        "mqtt: { commit_timeout: 10 }\n",
        "line 1: mqtt.commit_timeout: \"10\" is not a duration such as 500ms, 10s, 15m, 24h or 7d",
    );
    wrong("mqtt: { commit_timeout: 24h }\n", "line 1: mqtt.commit_timeout: is outside 100ms to 5m");
    wrong("discovery: { enabled: 1 }\n", "line 1: discovery.enabled: \"1\" is not true or false");
    wrong(
        "discovery: { interfaces: [a-name-that-is-too-long] }\n",
        "line 1: discovery.interfaces[0]: \"a-name-that-is-too-long\" is not the name of a network interface such as eth0 or wlan0",
    );
    wrong("store: { data_dir: '' }\n", "line 1: store.data_dir: is empty; write a path");
    wrong("store: { data_dir: 5 }\n", "line 1: store.data_dir: 5 is not a path; if it is meant as one, write \"5\"");
    wrong(
        "tls: { mode: files, key: true, cert: /etc/passwd }\n",
        "line 1: tls.key: true is not a path; if it is meant as one, write \"true\"",
    );
    assert!(read("store: { data_dir: '5' }\n").is_ok());
    wrong("store: { data_dir: \"a\\0b\" }\n", "line 1: store.data_dir: \"a\\0b\" is not a path");
    wrong("store:\n  backup: 24h\n", "line 2: store.backup: is a section; its keys stand below it, indented");
    wrong(
        "store: { backup: { evry: 24h } }\n",
        "line 1: store.backup.evry: there is no such key; did you mean backup.every?",
    );
    wrong(
        "store: { backup: { every: daily } }\n",
        "line 1: store.backup.every: \"daily\" is not a duration such as 12h, 24h or 7d, or off",
    );
    wrong(
        "store: { backup: { every: 9m, keep: 0 } }\n",
        "line 1: store.backup.every: is outside 10m to 366d\nline 1: store.backup.keep: is outside 1 to 100000",
    );
}

#[test]
fn settings_that_do_not_go_together() {
    wrong(
        "tls: { mode: files }\n",
        "\
line 1: tls.cert: tls.mode files needs a path here
line 1: tls.key: tls.mode files needs a path here",
    );
    wrong(
        "tls:\n  key: null\n  mode: files\n",
        "\
line 2: tls.key: tls.mode files needs a path here
line 3: tls.cert: tls.mode files needs a path here",
    );
    wrong(
        "tls:\n  mode: files\n  cert: /nowhere/cert.pem\n  key: /\n",
        "\
line 3: tls.cert: /nowhere/cert.pem cannot be opened: No such file or directory (os error 2)
line 4: tls.key: / cannot be opened: it is not a file",
    );
    wrong("tls: { cert: a.pem }\n", "line 1: tls.cert: is only used with tls.mode files; set that mode or remove this");
    wrong("tls:\n  mode: off\n  require_tls: true\n", "line 3: tls.require_tls: needs TLS, but tls.mode is off");
    wrong(
        "mqtt: { listen: '127.0.0.1:8420' }\n",
        "line 1: mqtt.listen: 127.0.0.1:8420 is already taken by http.listen (0.0.0.0:8420)",
    );
    // A key that was refused says nothing about the others.
    wrong("tls: { mode: fiels, cert: a.pem }\n", "line 1: tls.mode: \"fiels\" is not auto, files or off");
    assert!(read("http: { listen: '0.0.0.0:0' }\nmqtt: { listen: '0.0.0.0:0' }\n").is_ok());
    assert!(read("tls: { mode: off }\nhttp: { https_listen: '0.0.0.0:8420' }\n").is_ok());
}

#[test]
fn text_that_is_not_yaml_is_one_mistake_with_its_place() {
    for (text, line) in [
        ("http:\n  listen: \"0.0.0.0:8420\n", 2),
        ("http:\n\tlisten: 1\n", 2),
        ("http: {\n", 1),
        ("http: ]\n", 1),
        ("a: b: c\n", 1),
        ("log: *nowhere\n", 1),
        ("log: !!binary x\n  y: z\n", 1),
        ("log: \"\\q\"\n", 1),
        ("%YAML 9.9\n", 1),
        ("log: \u{7}\n", 1),
    ] {
        let mistakes = read(text).expect_err(text);
        assert_eq!(mistakes.len(), 1, "{text:?}: {mistakes:?}");
        assert!(mistakes[0].line.is_some_and(|found| found >= line), "{text:?}: {}", mistakes[0]);
        assert!(!mistakes[0].message.contains(" at line "), "{}", mistakes[0]);
    }
    wrong(
        "http:\n\tlisten: 1\n",
        "line 2, column 2: this is not readable YAML: tabs disallowed within this context (block indentation)",
    );
}

/// Each of these must end at once, with a mistake and without a panic.
#[test]
fn hostile_files_end_in_a_mistake() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let before = level - 1;
        let list = vec![format!("*a{before}"); 9].join(", ");
        let _ = writeln!(bomb, "a{level}: &a{level} [{list}]");
    }
    let deep = |open: &str, n: usize| format!("http: {}", open.repeat(n));
    let many: String = (0..100_000).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "k{n}: 1");
        text
    });
    let anchors: String = (0..10_000).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "k{n}: &b{n} 1");
        text
    });
    let mut indented = String::new();
    for level in 0..2000 {
        let _ = writeln!(indented, "{}k:", " ".repeat(level));
    }
    let texts = [
        bomb,
        deep("[", 100_000),
        deep("{a: ", 100_000),
        deep("- ", 10_000),
        indented,
        many,
        anchors,
        "a: &a [*a]\n".to_owned(),
        "<<: &a { <<: *a }\n".to_owned(),
        format!("log: {{ level: {} }}\n", "x".repeat(200_000)),
        format!("{}: 1\n", "y".repeat(200_000)),
        "\u{feff}\u{0}".to_owned(),
        "? ? ? ? ?\n".to_owned(),
        format!("? {}\n: 1\n", "z".repeat(100_000)),
        "&a *a".to_owned(),
        "!<tag:x> {a: !!float .nan, b: !!int 99999999999999999999999999999999999999999}".to_owned(),
    ];
    for text in texts {
        let start = text.chars().take(40).collect::<String>();
        let mistakes = read(&text).expect_err(&start);
        for mistake in &mistakes[..mistakes.len().min(3)] {
            assert!(mistake.to_string().len() < 300, "{start}");
        }
    }
}

#[test]
fn a_message_repeats_only_the_start_of_what_was_written() {
    let text = format!("log: {{ level: {} }}\n", "x".repeat(1000));
    assert!(said(read(&text)).len() < 200);
    assert!(said(read("log: { \"a\\e[31mb\": 1 }\n")).contains(r"log.a\u{1b}[31mb: "));
    assert!(said(read("log: { level: \"a\\e[31mb\" }\n")).contains(r"a\u{1b}[31mb"));
}

#[test]
fn wrong_variables_are_named() {
    wrong_env("KAIROS_LOG_LEVEL", "loud", "KAIROS_LOG_LEVEL: \"loud\" is not error, warn, info, debug or trace");
    wrong_env("KAIROS_LOG_LEVEL", "", "KAIROS_LOG_LEVEL: is empty; write error, warn, info, debug or trace");
    wrong_env(
        "KAIROS_HTTP_LISTN",
        "x",
        "KAIROS_HTTP_LISTN: there is no such setting; did you mean KAIROS_HTTP_LISTEN?",
    );
    wrong_env(
        "KAIROS_HTP_LISTEN",
        "x",
        "KAIROS_HTP_LISTEN: there is no such setting; did you mean KAIROS_HTTP_LISTEN?",
    );
    wrong_env(
        "KAIROS_http_listen",
        "x",
        "KAIROS_http_listen: there is no such setting; did you mean KAIROS_HTTP_LISTEN?",
    );
    wrong_env("KAIROS_MQTT", "x", "KAIROS_MQTT: there is no such setting");
    wrong_env(
        "KAIROS_UPSTREAM_URL",
        "http://secret@host",
        "KAIROS_UPSTREAM_URL: is not an address such as postgres://hub:password@db.example.org/kairos",
    );
    wrong_env("KAIROS_MQTT_PASSWORD", "x", "KAIROS_MQTT_PASSWORD: is not available yet; remove this variable");
    wrong_env("KAIROS_STORE_DATA_DIR", "\u{fffd}", "KAIROS_STORE_DATA_DIR: is not valid UTF-8");
    wrong_env(
        "KAIROS_HTTP_NAMES",
        "fine, not fine",
        "KAIROS_HTTP_NAMES: \"not fine\" is not a host name such as habits.example.org, without http:// and without a port",
    );
    wrong_env(
        "KAIROS_TLS_CERT",
        "a.pem",
        "KAIROS_TLS_CERT: is only used with tls.mode files; set that mode or remove this",
    );
    wrong_env("KAIROS_SETUP_CODE", "a b", "KAIROS_SETUP_CODE: is not 6 to 64 letters, digits or hyphens");
    let both = read_with("log: { level: 1 }\n", &[("KAIROS_TLS_MODE", "x"), ("KAIROS_LOG_FORMAT", "x")]);
    assert_eq!(
        said(both),
        "\
line 1: log.level: \"1\" is not error, warn, info, debug or trace
KAIROS_LOG_FORMAT: \"x\" is not text or json
KAIROS_TLS_MODE: \"x\" is not auto, files or off"
    );
    let flag = Override { key: "store.data_dir", value: "a\0".to_owned(), from: "--data-dir" };
    let result = Config::from_text("", None, &Environment::collect(env(&[])), &[flag]);
    assert_eq!(said(result), "--data-dir: \"a\\0\" is not a path");
}
