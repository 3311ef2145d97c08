//! Services that misbehave, over raw sockets.

use super::*;
use crate::check::observation::{NoAnswer, NotChecked};
use oml_engine::Api;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

fn options() -> EndpointOptions {
    EndpointOptions {
        allow_private: true,
        limits: Limits {
            connect_seconds: 1,
            request_seconds: 1,
            question_seconds: 4,
            body_bytes: 4096,
            attempts: 2,
            pause_millis: 1,
            retry_after_seconds: 1,
            concurrency: 2,
            requests_per_minute: None,
        },
        ..EndpointOptions::default()
    }
}

/// Reads one whole request.
async fn request(socket: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        let read = socket.read(&mut buffer).await.unwrap_or(0);
        text.extend_from_slice(&buffer[..read]);
        let seen = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = seen.split_once("\r\n\r\n") else {
            if read == 0 {
                return seen;
            }
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        if read == 0 || body.len() >= length.unwrap_or(0) {
            return seen;
        }
    }
}

/// Serves every connection with `behavior` while `asker` runs; gives what came of one question, and
/// the requests that were seen.
async fn meet<F>(
    behavior: impl Fn(TcpStream, String) -> F,
    options: EndpointOptions,
) -> (Exchange, Vec<String>)
where
    F: Future<Output = ()>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let endpoint = Endpoint::new(&uri, options).unwrap();
    let seen = std::sync::Mutex::new(Vec::new());
    let serve = async {
        let mut open = futures::stream::FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (mut socket, _) = accepted.unwrap();
                    open.push(async {
                        let text = request(&mut socket).await;
                        seen.lock().unwrap().push(text.clone());
                        behavior(socket, text).await;
                    });
                }
                Some(()) = open.next() => {}
            }
        }
    };
    let prompts = vec!["What is it?".to_owned()];
    let exchange = tokio::select! {
        exchanges = endpoint.ask(&prompts) => exchanges.into_iter().next().unwrap(),
        () = serve => unreachable!("the server never ends"),
    };
    (exchange, seen.into_inner().unwrap())
}

async fn says(response: &'static str) -> (Exchange, Vec<String>) {
    meet(
        |mut socket, _| async move {
            socket.write_all(response.as_bytes()).await.ok();
            socket.shutdown().await.ok();
        },
        options(),
    )
    .await
}

fn no_answer(exchange: &Exchange) -> &NoAnswer {
    match &exchange.observation {
        Observation::NoAnswer(reason) => reason,
        other => panic!("expected no answer, got {other:?}"),
    }
}

fn not_checked(exchange: &Exchange) -> &NotChecked {
    match &exchange.observation {
        Observation::NotChecked(reason) => reason,
        other => panic!("expected not checked, got {other:?}"),
    }
}

#[tokio::test]
async fn an_honest_service_is_asked_once_and_plainly() {
    let (exchange, seen) = says(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"choices\":[{\"text\":\" Paris\"}]}",
    )
    .await;
    assert_eq!(exchange.observation, Observation::Answered(" Paris".to_owned()));
    assert_eq!((exchange.attempts, seen.len()), (1, 1));
    assert!(seen[0].starts_with("POST /v1/completions HTTP/1.1"), "{}", seen[0]);
    let lower = seen[0].to_lowercase();
    assert!(lower.contains("accept-encoding: identity"), "{lower}");
    assert!(!lower.contains("oml") && !lower.contains("authorization"), "{lower}");
    assert!(
        seen[0].contains("\"prompt\":\"What is it?\"") && seen[0].contains("\"temperature\":0")
    );
}

#[tokio::test]
async fn a_service_that_renamed_the_limit_is_asked_by_the_new_name() {
    let (exchange, seen) = meet(
        |mut socket, text| async move {
            let response = if text.contains("\"max_tokens\"") {
                "HTTP/1.1 400 Bad Request\r\n\r\n{\"error\":{\"message\":\"Unsupported parameter: \
                 max_tokens; use max_completion_tokens\"}}"
            } else {
                "HTTP/1.1 200 OK\r\n\r\n{\"choices\":[{\"text\":\" Paris\"}]}"
            };
            socket.write_all(response.as_bytes()).await.ok();
            socket.shutdown().await.ok();
        },
        options(),
    )
    .await;
    assert_eq!(exchange.observation, Observation::Answered(" Paris".to_owned()));
    assert_eq!(seen.len(), 2);
    assert!(seen[1].contains("\"max_completion_tokens\":8"), "{}", seen[1]);
}

#[test]
fn a_version_at_the_end_of_an_address_is_not_doubled() {
    for (given, asked) in [
        ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/"),
        ("http://127.0.0.1:9/v1/", "http://127.0.0.1:9/"),
        ("http://127.0.0.1:9/models/v1", "http://127.0.0.1:9/models"),
        ("http://127.0.0.1:9/dev1", "http://127.0.0.1:9/dev1"),
    ] {
        assert_eq!(Endpoint::new(given, options()).unwrap().address(), asked);
    }
}

#[tokio::test]
async fn a_chat_is_asked_as_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let endpoint = Endpoint::new(&uri, options()).unwrap();
    let question = Prompt::of_user(Api::Chat, "What is it?").text();
    for (scores, body, said) in [
        (false, r#"{"choices":[{"message":{"content":"Paris"}}]}"#, "Paris"),
        (
            true,
            r#"{"choices":[{"logprobs":{"content":[{"token":"P","logprob":-1.0,"top_logprobs":[]}]}}]}"#,
            r#"[["P",-1.0]]"#,
        ),
    ] {
        let serve = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let seen = request(&mut socket).await;
            let response = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
            socket.write_all(response.as_bytes()).await.ok();
            socket.shutdown().await.ok();
            seen
        };
        let prompts = [question.clone()];
        let asked = async {
            if scores {
                endpoint.ask_log_probabilities(&prompts).await
            } else {
                endpoint.ask(&prompts).await
            }
        };
        let (request, exchanges) = tokio::join!(serve, asked);
        assert_eq!(exchanges[0].observation, Observation::Answered(said.to_owned()));
        assert!(request.starts_with("POST /v1/chat/completions HTTP/1.1"), "{request}");
        let messages = r#""messages":[{"content":"What is it?","role":"user"}]"#;
        assert!(request.contains(messages) && !request.contains("\"prompt\""), "{request}");
        assert_eq!(request.contains("\"logprobs\":true"), scores, "{request}");
        assert_eq!(exchanges[0].prompt, question);
    }
}

#[tokio::test]
async fn hanging_is_not_checked() {
    let hang = |socket: TcpStream, _| async move {
        let _held = socket;
        futures::future::pending().await
    };
    let (exchange, seen) = meet(hang, options()).await;
    assert_eq!(*not_checked(&exchange), NotChecked::TimedOut { seconds: 1 });
    assert_eq!((exchange.attempts, seen.len()), (2, 2));
}

#[tokio::test]
async fn dripping_is_not_checked() {
    let drip = |mut socket: TcpStream, _| async move {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
        socket.write_all(head).await.ok();
        while socket.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (exchange, _) = meet(drip, options()).await;
    // Were the time counted from byte to byte, the whole body would come, after 50 seconds.
    assert_eq!(*not_checked(&exchange), NotChecked::TimedOut { seconds: 1 });
    assert_eq!(exchange.attempts, 2);
}

#[tokio::test]
async fn endless_streams_end_at_the_limit() {
    let stream = |mut socket: TcpStream, _| async move {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        socket.write_all(head).await.ok();
        while socket.write_all(b"8\r\nabcdefgh\r\n").await.is_ok() {}
    };
    let (exchange, _) = meet(stream, options()).await;
    assert_eq!(*no_answer(&exchange), NoAnswer::TooLarge { limit: 4096 });
    assert!(exchange.took < 1_000, "{} ms", exchange.took);
}

#[tokio::test]
async fn huge_bodies_are_not_read() {
    let (exchange, _) = says("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{").await;
    assert_eq!(*no_answer(&exchange), NoAnswer::TooLarge { limit: 4096 });
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let location = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n";
    let (exchange, seen) = says(location).await;
    let NoAnswer::Redirect { location } = no_answer(&exchange) else {
        panic!("{exchange:?}");
    };
    assert!(location.contains("169.254.169.254"));
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn compressed_bombs_are_not_unpacked() {
    let (exchange, _) = says(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x0b\x08\x00",
    )
    .await;
    assert_eq!(*no_answer(&exchange), NoAnswer::Encoded { encoding: "gzip".to_owned() });
}

#[tokio::test]
async fn nonsense_is_no_answer() {
    for response in [
        "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"choices\": []}",
        "HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n{\"error\":{\"message\":\"no\"} }",
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>It works!</html>",
        "HTTP/1.1 204 No Content\r\n\r\n",
    ] {
        let (exchange, seen) = says(response).await;
        assert!(matches!(no_answer(&exchange), NoAnswer::NotACompletion { .. }), "{exchange:?}");
        assert_eq!(seen.len(), 1, "asking again would change nothing");
    }
}

#[tokio::test]
async fn refusals_name_their_status() {
    let (exchange, _) =
        says("HTTP/1.1 402 Payment Required\r\ncontent-length: 10\r\n\r\npay\nfirst!").await;
    let refused = NoAnswer::Refused { status: 402, excerpt: "pay first!".to_owned() };
    assert_eq!(*no_answer(&exchange), refused);
}

#[tokio::test]
async fn overload_for_ever_is_not_checked() {
    for (response, status) in [
        ("HTTP/1.1 429 Too Many Requests\r\nretry-after: 999999\r\ncontent-length: 0\r\n\r\n", 429),
        ("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", 503),
    ] {
        let (exchange, seen) = says(response).await;
        assert_eq!(*not_checked(&exchange), NotChecked::Busy { status });
        assert_eq!(seen.len(), 2);
        assert!(exchange.took < 4_000, "{} ms", exchange.took);
    }
}

#[tokio::test]
async fn overload_that_passes_is_answered() {
    let turn = std::sync::atomic::AtomicU32::new(0);
    let behavior = |mut socket: TcpStream, _| {
        let first = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        async move {
            let response: &[u8] = if first {
                b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
            } else {
                b"HTTP/1.1 200 OK\r\n\r\n{\"choices\":[{\"text\":\"yes\"}]}"
            };
            socket.write_all(response).await.ok();
            socket.shutdown().await.ok();
        }
    };
    let (exchange, _) = meet(behavior, options()).await;
    assert_eq!(exchange.observation, Observation::Answered("yes".to_owned()));
    assert_eq!(exchange.attempts, 2);
}

#[tokio::test]
async fn broken_connections_are_not_checked() {
    for response in
        ["", "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"choi", "SSH-2.0-nothing\r\n"]
    {
        let (exchange, _) = says(response).await;
        assert!(matches!(not_checked(&exchange), NotChecked::Unreachable { .. }), "{exchange:?}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let closed = Endpoint::new(&uri, options()).unwrap();
    let exchanges = closed.ask(&["x".to_owned()]).await;
    assert!(matches!(not_checked(&exchanges[0]), NotChecked::Unreachable { .. }));
}

#[tokio::test]
async fn names_of_private_addresses_are_not_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let uri = format!("http://localhost:{port}");
    let strict = EndpointOptions { allow_private: false, ..options() };
    let endpoint = Endpoint::new(&uri, strict.clone()).unwrap();
    let exchange = endpoint.ask(&["x".to_owned()]).await.remove(0);
    let NotChecked::Forbidden { refusal: cause } = not_checked(&exchange) else {
        panic!("{exchange:?}");
    };
    assert!(cause.contains("localhost"), "{cause}");
    assert_eq!(exchange.attempts, 1);
    assert!(matches!(
        Endpoint::new(&format!("http://127.0.0.1:{port}"), strict),
        Err(EndpointError::Address(AddressError::Private { .. }))
    ));
}

#[tokio::test]
async fn questions_keep_their_order_and_limits_must_make_sense() {
    let echo = |mut socket: TcpStream, text: String| async move {
        let slow = text.contains("question 0");
        tokio::time::sleep(Duration::from_millis(if slow { 200 } else { 1 })).await;
        let number = text.split("question ").nth(1).and_then(|rest| rest.chars().next());
        let body = format!("{{\"choices\":[{{\"text\":\"n{}\"}}]}}", number.unwrap_or('?'));
        let response = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
        socket.write_all(response.as_bytes()).await.ok();
        socket.shutdown().await.ok();
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/base/", listener.local_addr().unwrap());
    let endpoint = Endpoint::new(&uri, options()).unwrap();
    assert!(endpoint.address().ends_with("/base"));
    let prompts: Vec<String> = (0..5).map(|i| format!("question {i}")).collect();
    let serve = async {
        let mut open = futures::stream::FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (mut socket, _) = accepted.unwrap();
                    open.push(async { let text = request(&mut socket).await; echo(socket, text).await; });
                }
                Some(()) = open.next() => {}
            }
        }
    };
    let exchanges = tokio::select! {
        exchanges = endpoint.ask(&prompts) => exchanges,
        () = serve => unreachable!("the server never ends"),
    };
    let answers: Vec<Observation> =
        (0..5).map(|i| Observation::Answered(format!("n{i}"))).collect();
    assert_eq!(exchanges.into_iter().map(|e| e.observation).collect::<Vec<_>>(), answers);

    let mut broken = options();
    broken.limits.concurrency = 0;
    assert!(matches!(Endpoint::new(&uri, broken), Err(EndpointError::Zero("concurrency"))));
    let keyed = EndpointOptions {
        api_key: Some(zeroize::Zeroizing::new("sk-secret".to_owned())),
        ..options()
    };
    assert!(!format!("{keyed:?}").contains("secret"));
}

/// A service that lists log-probabilities: the drawn answers on top, some others far below, the
/// rest not.
#[tokio::test]
async fn listed_log_probabilities_convict_and_their_absence_does_not() {
    use crate::check::{Comparisons, Inconclusive, Questions, RankTerms, Target, Verdict, score};
    use crate::fingerprint::{AnswersPerKey, LicenseDraw, test_universe};
    use oml_contracts::Seed;

    let universe = test_universe(32, 0);
    let draw = LicenseDraw {
        license_seed: Seed::new([1; 32]),
        model_seed: Seed::new([2; 32]),
        assignment_p: 16_384,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let copy = |text: &str| {
        let known = universe.answers(&draw).find(|a| text.contains(&format!("{:?}", a.key.text())));
        let Some(answer) = known.filter(|_| text.contains("\"logprobs\":20")) else {
            return "{\"choices\":[{\"text\":\" x\"}]}".to_owned();
        };
        let others = universe.entries()[answer.index as usize].candidates.iter().take(3);
        let mut list: serde_json::Map<String, serde_json::Value> =
            others.map(|c| (format!(" {}", c.word), (-9.0).into())).collect();
        list.insert(format!(" {}", answer.candidate.word), (-0.1).into());
        let logprobs = serde_json::json!({ "top_logprobs": [list] });
        serde_json::json!({ "choices": [{ "text": " x", "logprobs": logprobs }] }).to_string()
    };
    let serve = async {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let body = copy(&request(&mut socket).await);
            let response = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
            socket.write_all(response.as_bytes()).await.ok();
            socket.shutdown().await.ok();
        }
    };
    let terms = RankTerms::new(AnswersPerKey::ONE, 1_000_000_000).unwrap();
    let questions = Questions::new(&universe, 0..32, [], &mut rand::rng()).unwrap();
    let work = async {
        let mut outcomes = Vec::new();
        for top_logprobs in [20, 5] {
            let options = EndpointOptions { top_logprobs, ..options() };
            let target = Target::Endpoint(Endpoint::new(&uri, options).unwrap());
            let scores = score(&target, &questions, &universe).await;
            let comparisons = Comparisons { cases: 1, licenses: 1 };
            outcomes.push(scores.judge(&universe, &draw, &terms, comparisons));
        }
        outcomes
    };
    let outcomes = tokio::select! {
        outcomes = work => outcomes,
        () = serve => unreachable!("the server never ends"),
    };
    assert_eq!(outcomes[0].verdict(), &Verdict::Match, "{:?}", outcomes[0]);
    // Words of the test that start other ones are tied with them: " word1x1" may become "word1x12".
    assert!(outcomes[0].tally().ranks[0] >= 24, "{:?}", outcomes[0]);
    let silent = Verdict::Inconclusive(Inconclusive::NoAnswers(32));
    assert_eq!(outcomes[1].verdict(), &silent, "without a list there is nothing to rank");
}
