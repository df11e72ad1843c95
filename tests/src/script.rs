//! A program beside the hub that says what it does, a JSON object a line, and goes on when it is told to.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Longer than any script needs, shorter than the runner's patience.
const LONG: Duration = Duration::from_secs(90);

/// A script that runs; it ends when this is dropped.
pub struct Script {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    said: Vec<String>,
}

impl Script {
    /// Starts it.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}; run tests/setup"));
        let stdin = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, stdin, lines, said: Vec::new() }
    }

    async fn line(&mut self) -> Option<Value> {
        let line = tokio::time::timeout(LONG, self.lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("the script says nothing more: {:#?}", self.said)).unwrap()?;
        self.said.push(line.clone());
        Some(serde_json::from_str(&line).unwrap_or(Value::Null))
    }

    /// Waits until it says that it is at this step; gives what it said of it.
    pub async fn reaches(&mut self, step: &str) -> Value {
        while let Some(said) = self.line().await {
            if said["step"] == step {
                return said;
            }
        }
        panic!("the script ended before {step}: {:#?}", self.said);
    }

    /// Tells it a word.
    pub async fn tell(&mut self, word: &str) {
        self.stdin.write_all(format!("{word}\n").as_bytes()).await.unwrap();
    }

    /// Waits for its end, which is to be a good one.
    pub async fn ends(mut self) {
        while self.line().await.is_some() {}
        let status = tokio::time::timeout(LONG, self.child.wait()).await.expect("the script ends").unwrap();
        assert!(status.success(), "{status}: {:#?}", self.said);
    }
}
