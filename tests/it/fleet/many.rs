//! Many hosts over any stream: how often each is tried, when it is left alone, and what the others notice of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cm_tui::domain::{HostId, Seq};
use cm_tui::fleet::{
    Boxed, ConnectionState, Dial, DialError, Errand, Fleet, FleetState, Host, HostNotice, HostSpec,
    Notice, RequestId, Retry, Road, Stream,
};
use cm_tui::protocol::{Failure, Greeting, Reply, Request, Resume, ToClient};
use cm_tui::transport::asking::{Answer, Question};
use cm_tui::transport::connection::{
    FromClient, MessageReader, MessageWriter, read_order, receive_hello,
};
use rstest::rstest;
use tokio::io::{DuplexStream, ReadHalf, WriteHalf, split};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::{changed, failure, session, snapshot, welcome};

/// What becomes of an attempt.
enum Way {
    Fails(Retry),
    /// Leads to a stream, whose other end the test gets.
    Leads,
    /// Asks the human first, and fails if the answer is no.
    Asks(Question),
    /// Takes for ever.
    Never,
}

/// The far end of one stream.
struct Far {
    stream: DuplexStream,
    /// Ends when the near end was cut.
    cut: oneshot::Receiver<()>,
    /// Says why the stream ended.
    why: oneshot::Sender<Failure>,
}

/// A way to a host that the test decides on, attempt by attempt.
#[derive(Debug)]
struct Scripted {
    attempts: mpsc::Sender<(Instant, oneshot::Sender<Way>)>,
    far: mpsc::Sender<Far>,
}

impl Dial for Scripted {
    fn dial(&self, errand: Errand) -> Boxed<'_, Result<Stream, DialError>> {
        Box::pin(async move {
            let (decide, decided) = oneshot::channel();
            self.attempts.send((Instant::now(), decide)).await.unwrap();
            match decided.await.unwrap() {
                Way::Fails(retry) => {
                    return Err(DialError {
                        failure: failure("no way"),
                        retry,
                    });
                }
                Way::Never => std::future::pending().await,
                Way::Asks(question) => {
                    errand.step.send_replace("asking");
                    if errand.asker.ask(question).await != Answer::Yes {
                        return Err(DialError {
                            failure: failure("not wanted"),
                            retry: Retry::AfterHuman,
                        });
                    }
                }
                Way::Leads => {}
            }
            let (near, stream) = tokio::io::duplex(1 << 16);
            let (guard, cut) = oneshot::channel::<()>();
            let (why, ended) = oneshot::channel();
            self.far.send(Far { stream, cut, why }).await.unwrap();
            let (reader, writer) = split(near);
            Ok(Stream {
                reader: Box::new(reader),
                writer: Box::new(writer),
                guard: Box::new(guard),
                ended: Some(Box::pin(async {
                    match ended.await {
                        Ok(failure) => failure,
                        Err(_nobody_knows) => std::future::pending().await,
                    }
                })),
                interval: None,
            })
        })
    }
}

/// The test's side of one host.
struct Site {
    id: HostId,
    road: Road,
    attempts: mpsc::Receiver<(Instant, oneshot::Sender<Way>)>,
    far: mpsc::Receiver<Far>,
}

/// An agent that a test plays.
struct Agent {
    reader: MessageReader<ReadHalf<DuplexStream>>,
    writer: MessageWriter<WriteHalf<DuplexStream>>,
    resume: Option<Resume>,
    cut: oneshot::Receiver<()>,
    why: oneshot::Sender<Failure>,
}

impl Site {
    fn new(name: &str) -> Self {
        let (attempts_tx, attempts) = mpsc::channel(1000);
        let (far_tx, far) = mpsc::channel(10);
        let scripted = Scripted {
            attempts: attempts_tx,
            far: far_tx,
        };
        Self {
            id: HostId::new(name),
            road: Road::Other(Arc::new(scripted)),
            attempts,
            far,
        }
    }

    fn spec(&self) -> HostSpec {
        HostSpec {
            id: self.id.clone(),
            road: self.road.clone(),
        }
    }

    /// Decides on the next attempt; returns when it was begun.
    async fn attempt(&mut self, way: Way) -> Instant {
        let (begun, decide) = self.attempts.recv().await.unwrap();
        // An attempt that was given up needs no decision.
        let _given_up = decide.send(way);
        begun
    }

    async fn agent(&mut self, resumed: bool) -> Agent {
        let Far { stream, cut, why } = self.far.recv().await.unwrap();
        let (hello, _, reader, mut writer) = receive_hello(split(stream)).await.unwrap();
        writer
            .send(&Greeting::Welcome(welcome(7, resumed)))
            .await
            .unwrap();
        Agent {
            reader,
            writer,
            resume: hello.resume,
            cut,
            why,
        }
    }

    async fn connected(&mut self) -> Agent {
        self.attempt(Way::Leads).await;
        self.agent(false).await
    }
}

impl Agent {
    async fn send(&mut self, message: ToClient) {
        self.writer.send(&message).await.unwrap();
    }

    async fn event(&mut self, seq: u64, event: cm_tui::protocol::Event) {
        let seq = Seq(seq);
        self.send(ToClient::Event { seq, event }).await;
    }

    /// Answers whatever is asked until `request` is asked; returns its id.
    async fn asked(&mut self, request: &Request) -> u64 {
        loop {
            let body = self.reader.next().await.unwrap().expect("the client left");
            let FromClient::Order(order) = read_order(&body) else {
                panic!("not an order")
            };
            if order.request == *request {
                return order.id;
            }
            self.answer(order.id).await;
        }
    }

    async fn answer(&mut self, id: u64) {
        let reply = Reply::Done;
        self.send(ToClient::Reply { id, reply }).await;
    }

    /// Answers everything until the client leaves.
    async fn serve(mut self) {
        while let Ok(Some(body)) = self.reader.next().await {
            if let FromClient::Order(order) = read_order(&body) {
                let reply = Reply::Done;
                let message = ToClient::Reply {
                    id: order.id,
                    reply,
                };
                if self.writer.send(&message).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The client's side.
struct Client {
    fleet: Fleet,
    notices: mpsc::Receiver<HostNotice>,
    state: FleetState,
    replies: BTreeMap<RequestId, usize>,
    questions: Vec<(HostId, cm_tui::transport::asking::Asked)>,
    start: Instant,
}

impl Client {
    fn new(sites: &[&Site]) -> Self {
        Self::with_clock(sites, || Duration::ZERO)
    }

    fn with_clock(sites: &[&Site], boot: impl Fn() -> Duration + Send + 'static) -> Self {
        let specs = sites.iter().map(|site| site.spec()).collect();
        let (fleet, notices) = Fleet::start_with_clock(specs, boot);
        let state = FleetState::new(fleet.hosts().cloned());
        Self {
            fleet,
            notices,
            state,
            replies: BTreeMap::new(),
            questions: Vec::new(),
            start: Instant::now(),
        }
    }

    async fn hear(&mut self) {
        let HostNotice { host, notice } = self.notices.recv().await.unwrap();
        match notice {
            Notice::Replied { id, .. } => *self.replies.entry(id).or_default() += 1,
            Notice::Asked(asked) => self.questions.push((host, asked)),
            notice => {
                let now = self.start.elapsed().as_millis() as u64;
                self.state.apply(HostNotice { host, notice }, now);
            }
        }
    }

    async fn until(&mut self, found: impl Fn(&Self) -> bool) {
        while !found(self) {
            self.hear().await;
        }
    }

    fn host(&self, site: &Site) -> &Host {
        self.state.host(&site.id).unwrap()
    }

    fn connection(&self, site: &Site) -> &ConnectionState {
        &self.host(site).connection
    }

    async fn live(&mut self, site: &Site) {
        self.until(|client| *client.connection(site) == ConnectionState::Connected)
            .await;
    }

    async fn halted(&mut self, site: &Site) -> Failure {
        self.until(|client| client.host(site).needs_human).await;
        self.host(site).failure.clone().unwrap()
    }

    async fn lost(&mut self, site: &Site) -> Failure {
        self.until(|client| matches!(client.connection(site), ConnectionState::Lost { .. }))
            .await;
        self.host(site).failure.clone().unwrap()
    }

    async fn question(&mut self) -> (HostId, cm_tui::transport::asking::Asked) {
        self.until(|client| !client.questions.is_empty()).await;
        self.questions.remove(0)
    }

    fn ask(&self, site: &Site, id: u64) {
        let id = RequestId(id);
        self.fleet.send(&site.id, id, Request::Status).unwrap();
    }

    /// Takes notices in for ever.
    async fn listen(mut self) {
        loop {
            self.hear().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_down_for_an_hour_is_asked_about_twice_a_minute_at_irregular_times() {
    let mut site = Site::new("down");
    let client = Client::new(&[&site]);
    let start = client.start;
    let listening = tokio::spawn(client.listen());
    let mut begun = Vec::new();
    while begun
        .last()
        .is_none_or(|last| *last - start < Duration::from_secs(3600))
    {
        begun.push(site.attempt(Way::Fails(Retry::Soon)).await);
    }
    listening.abort();
    assert!(
        (80..300).contains(&begun.len()),
        "{} attempts in an hour",
        begun.len()
    );
    let pauses: Vec<Duration> = begun.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(pauses[0] <= Duration::from_millis(502) && pauses[1] <= Duration::from_millis(1002));
    assert!(
        pauses
            .iter()
            .all(|pause| *pause <= Duration::from_millis(60_002))
    );
    let mut different = pauses.clone();
    different.sort();
    different.dedup();
    assert!(different.len() > pauses.len() / 2);
}

#[tokio::test(start_paused = true)]
async fn fifty_hosts_are_dialled_at_once_and_tried_again_four_a_second() {
    let mut sites: Vec<Site> = (0..50).map(|n| Site::new(&format!("h{n}"))).collect();
    let client = Client::new(&sites.iter().collect::<Vec<_>>());
    let start = client.start;
    let listening = tokio::spawn(client.listen());
    for site in &mut sites {
        assert_eq!(site.attempt(Way::Fails(Retry::Soon)).await, start);
    }
    let mut begun = Vec::new();
    for site in &mut sites {
        begun.push(site.attempt(Way::Never).await);
    }
    begun.sort();
    for five in begun.windows(5) {
        assert!(five[4] - five[0] >= Duration::from_secs(1));
    }
    assert!(begun[49] - start < Duration::from_secs(14));
    listening.abort();
}

#[tokio::test(start_paused = true)]
async fn a_dead_host_slows_no_live_one() {
    let (mut dead, mut live) = (Site::new("dead"), Site::new("live"));
    let mut client = Client::new(&[&dead, &live]);
    dead.attempt(Way::Never).await;
    let mut agent = live.connected().await;
    client.live(&live).await;
    client.ask(&live, 1);
    let id = agent.asked(&Request::Status).await;
    agent.answer(id).await;
    client.until(|client| client.replies.len() == 1).await;
    // A request to the dead one is answered at once as well.
    client.ask(&dead, 2);
    client.until(|client| client.replies.len() == 2).await;
    assert_eq!(*client.connection(&dead), ConnectionState::Connecting);
    assert!(client.start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn after_two_refused_logins_only_the_human_tries_again() {
    let mut site = Site::new("locked");
    let mut client = Client::new(&[&site]);
    site.attempt(Way::Fails(Retry::OnceMore)).await;
    // A network that fails in between does not make the server forget.
    site.attempt(Way::Fails(Retry::Soon)).await;
    site.attempt(Way::Fails(Retry::OnceMore)).await;
    assert_eq!(client.halted(&site).await, failure("no way"));
    let (host, asked) = client.question().await;
    assert_eq!(host, site.id);
    let expected = Question::TryAgain {
        message: "no way".into(),
        hint: failure("no way").hint,
    };
    assert_eq!(asked.question, expected);
    // Nobody answers for a day; requests are answered all the same.
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert!(site.attempts.try_recv().is_err());
    client.ask(&site, 1);
    client.until(|client| client.replies.len() == 1).await;
    // Yes means once.
    asked.answer(Answer::Yes);
    site.attempt(Way::Fails(Retry::OnceMore)).await;
    client.until(|client| !client.questions.is_empty()).await;
    client.question().await.1.answer(Answer::No);
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert!(site.attempts.try_recv().is_err());
    // The human asks for it later.
    client.fleet.reconnect(&site.id);
    site.connected().await;
    client.live(&site).await;
    assert_eq!(client.state.host(&site.id).unwrap().failure, None);
}

#[tokio::test(start_paused = true)]
async fn what_only_a_human_can_mend_is_not_tried_again_until_the_settings_change() {
    let mut site = Site::new("changed");
    let mut client = Client::new(&[&site]);
    site.attempt(Way::Fails(Retry::AfterHuman)).await;
    client.halted(&site).await;
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert!(site.attempts.try_recv().is_err() && client.questions.is_empty());
    // The same settings read again change nothing.
    client.fleet.set_hosts(vec![site.spec()]);
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert!(site.attempts.try_recv().is_err());
    let mut mended = Site::new("changed");
    client.fleet.set_hosts(vec![mended.spec()]);
    mended.connected().await;
    client.live(&mended).await;
}

#[rstest]
#[case::yes(Answer::Yes)]
#[case::no(Answer::No)]
#[tokio::test(start_paused = true)]
async fn a_question_on_the_way_reaches_the_human_with_its_host(#[case] answer: Answer) {
    let mut site = Site::new("asks");
    let mut client = Client::new(&[&site]);
    let asking = Question::TryAgain {
        message: "well?".into(),
        hint: String::new(),
    };
    site.attempt(Way::Asks(asking.clone())).await;
    let (host, asked) = client.question().await;
    assert_eq!((&host, &asked.question), (&site.id, &asking));
    client
        .until(|client| client.state.host(&site.id).unwrap().step == "asking")
        .await;
    // Thinking takes its time, and requests do not wait for it.
    tokio::time::sleep(Duration::from_secs(600)).await;
    client.ask(&site, 1);
    client.until(|client| client.replies.len() == 1).await;
    asked.answer(answer.clone());
    if answer == Answer::Yes {
        let _agent = site.agent(false).await;
        client.live(&site).await;
    } else {
        assert_eq!(client.halted(&site).await, failure("not wanted"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_host_is_stale_after_two_missed_answers_and_cut_after_three() {
    let mut site = Site::new("silent");
    let mut client = Client::new(&[&site]);
    let mut agent = site.connected().await;
    client.live(&site).await;
    let ping = agent.asked(&Request::Ping).await;
    tokio::time::sleep(Duration::from_millis(80)).await;
    agent.answer(ping).await;
    client
        .until(|client| client.state.host(&site.id).unwrap().round_trip.is_some())
        .await;
    let host = client.state.host(&site.id).unwrap();
    assert_eq!(host.round_trip.unwrap().as_millis() / 10, 8);
    let heard = client.start.elapsed().as_millis() as u64;
    client
        .until(|client| matches!(client.connection(&site), ConnectionState::Stale { .. }))
        .await;
    let stale = client.start.elapsed().as_millis() as u64;
    assert_eq!((stale - heard) / 1000, 45);
    let ConnectionState::Stale { since } = *client.connection(&site) else {
        unreachable!()
    };
    assert!(since.abs_diff(heard) < 50);
    // A late answer makes it live again.
    let ping = agent.asked(&Request::Ping).await;
    agent.answer(ping).await;
    client.live(&site).await;
    let heard = client.start.elapsed();
    let lost = client.lost(&site).await;
    assert_eq!(lost.message, "lost cm-agent: no answer within 60 s");
    assert_eq!(client.start.elapsed().abs_diff(heard).as_secs(), 60);
    agent.cut.await.unwrap_err();
    // What is shown is as old as its last sign of life, however often it is tried again.
    site.attempt(Way::Fails(Retry::Soon)).await;
    client.lost(&site).await;
    let host = client.state.host(&site.id).unwrap();
    let away = host.away_since.unwrap();
    assert!(away.abs_diff(heard.as_millis() as u64) < 100, "{away}");
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_a_line_that_still_works_is_kept_and_a_dead_one_replaced_at_once() {
    let (mut works, mut dead) = (Site::new("works"), Site::new("dead"));
    let (asleep, told) = watch::channel(Duration::ZERO);
    let boot = {
        let start = Instant::now();
        move || start.elapsed() + *told.borrow()
    };
    let mut client = Client::with_clock(&[&works, &dead], boot);
    let working = works.connected().await;
    let silent = dead.connected().await;
    client.live(&works).await;
    client.live(&dead).await;
    let serving = tokio::spawn(working.serve());
    let before = client.start.elapsed();
    asleep.send_replace(Duration::from_secs(36_000));
    client
        .until(|client| matches!(client.connection(&dead), ConnectionState::Stale { .. }))
        .await;
    assert!(client.start.elapsed().abs_diff(before) <= Duration::from_secs(1));
    client.lost(&dead).await;
    silent.cut.await.unwrap_err();
    dead.connected().await;
    client.live(&dead).await;
    assert!(client.start.elapsed().abs_diff(before) <= Duration::from_secs(5));
    client.live(&works).await;
    assert!(!serving.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_knows_why_it_ended_says_so_and_nothing_is_missed() {
    let mut site = Site::new("cut");
    let mut client = Client::new(&[&site]);
    let mut agent = site.connected().await;
    assert_eq!(agent.resume, None);
    agent.event(5, snapshot(&["a"])).await;
    agent.event(6, changed("b")).await;
    let has = |client: &Client, name: &str| {
        let session = session(name).id;
        client
            .state
            .session(&HostId::new("cut"), &session)
            .is_some()
    };
    client.until(|client| has(client, "b")).await;
    client.ask(&site, 1);
    agent.asked(&Request::Status).await;
    agent.why.send(failure("the host restarts")).unwrap();
    assert_eq!(client.lost(&site).await, failure("the host restarts"));
    assert_eq!(client.replies, BTreeMap::from([(RequestId(1), 1)]));
    site.attempt(Way::Leads).await;
    let mut agent = site.agent(true).await;
    assert_eq!(
        agent.resume.map(|resume| (resume.run, resume.seq)),
        Some((7, Seq(6)))
    );
    agent.event(7, changed("c")).await;
    client.until(|client| has(client, "c")).await;
    assert!(has(&client, "a"));
}

#[tokio::test(start_paused = true)]
async fn hosts_come_and_go_with_the_settings_and_every_request_is_answered_once() {
    let (mut one, mut two, mut three) = (Site::new("1"), Site::new("2"), Site::new("3"));
    let mut client = Client::new(&[&one, &two]);
    let mut kept = one.connected().await;
    let mut gone = two.connected().await;
    client.live(&one).await;
    client.live(&two).await;
    for id in 0..3 {
        client.ask(&two, id);
        gone.asked(&Request::Status).await;
    }
    // Not even handed on yet.
    client.ask(&two, 3);
    let hosts = vec![three.spec(), one.spec(), three.spec()];
    client.fleet.set_hosts(hosts);
    let ids: Vec<HostId> = client.fleet.hosts().cloned().collect();
    assert_eq!(ids, [three.id.clone(), one.id.clone()]);
    client.state.set_hosts(ids);
    three.connected().await;
    client.live(&three).await;
    client.until(|client| client.replies.len() == 4).await;
    gone.cut.await.unwrap_err();
    assert!(
        client
            .fleet
            .send(&two.id, RequestId(9), Request::Status)
            .is_err()
    );
    // The one that stayed kept its connection, …
    client.ask(&one, 4);
    let id = kept.asked(&Request::Status).await;
    kept.answer(id).await;
    client.until(|client| client.replies.len() == 5).await;
    // … and is reached anew when the way to it is another.
    let mut moved = Site::new("1");
    client.ask(&one, 5);
    kept.asked(&Request::Status).await;
    client.fleet.set_hosts(vec![moved.spec()]);
    kept.cut.await.unwrap_err();
    let agent = moved.connected().await;
    assert_eq!(agent.resume, None);
    client.until(|client| client.replies.len() == 6).await;
    // Taken away and added in one breath, it still says nothing twice.
    client.ask(&moved, 6);
    client.fleet.set_hosts(Vec::new());
    client.fleet.set_hosts(vec![moved.spec()]);
    client.until(|client| client.replies.len() == 7).await;
    moved.connected().await;
    client.live(&moved).await;
    assert!(client.replies.values().all(|times| *times == 1));
}
