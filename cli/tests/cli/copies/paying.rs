//! A local OpenAI endpoint that pays a real gateway on a real channel.

use super::world::{Says, World};
use serde_json::json;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Child;

/// Posts to the endpoint as a client does; returns status line and body.
fn ask(base: &str, body: &str) -> (String, String) {
    let address = base.trim_start_matches("http://").trim_end_matches("/v1");
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST /v1/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

/// A running endpoint, which ends with the test at the latest.
struct Endpoint {
    child: Child,
    base: String,
}

impl Endpoint {
    fn start(world: &World, limits: &[&str]) -> Self {
        let mut child = world.endpoint(limits);
        let mut base = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut base).unwrap();
        Self { child, base: base.trim().to_owned() }
    }

    /// Ctrl-C, and the exit code.
    fn interrupt(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        std::process::Command::new("kill").args(["-INT", &id]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn any_client_is_paid_for_by_its_base_url_and_within_budgets() {
    let Some(world) = World::start() else { return };
    world.host_says(Says::Always("Paris"));
    let body = json!({ "model": "m", "prompt": "The capital of France is", "max_tokens": 4 });
    let body = body.to_string();
    let endpoint = Endpoint::start(&world, &["--per-day", "10"]);
    for _ in 0..2 {
        let (status, said) = ask(&endpoint.base, &body);
        assert!(status.contains("200") && said.contains("Paris"), "{status} {said}");
    }
    assert_eq!((world.asked(), world.signed()), (2, 2));
    assert_eq!(endpoint.interrupt(), Some(0));

    // The budget of the day is what is left of it.
    let endpoint = Endpoint::start(&world, &["--per-day", "0.02"]);
    let (status, said) = ask(&endpoint.base, &body);
    assert!(status.contains("402") && said.contains("budget_exceeded"), "{status} {said}");
    assert_eq!(world.asked(), 2);
    assert_eq!(endpoint.interrupt(), Some(0));

    let output = world.payer(&["pay", "spending"]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows[0], "time,model,outcome,request,tokens,amount,currency,promised");
    assert!(rows[1].contains("Z,m,paid,1,") && rows[1].contains(",ETH,0.01"), "{table}");
    assert!(rows[2].contains("Z,m,paid,2,"), "{table}");
}
