//! A network that can fail, and peers that are no SSH servers. Threads of their own serve them, so that they are not
//! counted among the tasks of a test.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use rustix::net::sockopt;

/// Carries connections to a port of loopback.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_frozen: bool,
    /// Ends are not told as ends.
    is_reset: bool,
    links: Vec<(Arc<TcpStream>, Arc<TcpStream>)>,
}

impl Proxy {
    pub fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok((near, _)) = listener.accept() {
                let Ok(far) = TcpStream::connect(("127.0.0.1", to)) else {
                    continue;
                };
                let (near, far) = (Arc::new(near), Arc::new(far));
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (Arc::clone(from), Arc::clone(to));
                    let shared = Arc::clone(&serving);
                    thread::spawn(move || shared.carry(&from, &to));
                }
                serving.state.lock().unwrap().links.push((near, far));
            }
        });
        Self { port, shared }
    }

    /// Moves no byte any more, and keeps all connections.
    pub fn freeze(&self) {
        self.shared.state.lock().unwrap().is_frozen = true;
    }

    pub fn thaw(&self) {
        self.shared.state.lock().unwrap().is_frozen = false;
        self.shared.changed.notify_all();
    }

    /// Ends all connections with a reset, for good.
    pub fn reset(&self) {
        let mut state = self.shared.state.lock().unwrap();
        state.is_reset = true;
        for (near, far) in state.links.drain(..) {
            for stream in [near, far] {
                sockopt::set_socket_linger(&*stream, Some(Duration::ZERO)).unwrap();
                // Wakes whoever reads it and sends nothing; the reset goes out when nobody has it any more.
                let _gone = stream.shutdown(Shutdown::Read);
            }
        }
    }

    /// Ends all connections.
    pub fn cut(&self) {
        for (near, far) in self.shared.state.lock().unwrap().links.drain(..) {
            let _gone = near.shutdown(Shutdown::Both);
            let _gone = far.shutdown(Shutdown::Both);
        }
        self.thaw();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Shared {
    fn carry(&self, mut from: &TcpStream, mut to: &TcpStream) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let mut state = self.state.lock().unwrap();
            while state.is_frozen {
                state = self.changed.wait(state).unwrap();
            }
            drop(state);
            if to.write_all(buffer.get(..count).unwrap()).is_err() {
                break;
            }
        }
        if !self.state.lock().unwrap().is_reset {
            let _gone = to.shutdown(Shutdown::Write);
        }
    }
}

/// What a peer does with who connects.
#[derive(Clone, Copy)]
pub enum Manners {
    /// Says this and nothing more, and listens to everything.
    Says(&'static str),
    /// Says this and hangs up.
    HangsUp(&'static str),
}

/// Listens on a port of loopback as long as the process lives.
pub fn peer(manners: Manners) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            thread::spawn(move || {
                let (Manners::Says(words) | Manners::HangsUp(words)) = manners;
                let _gone = stream.write_all(words.as_bytes());
                if matches!(manners, Manners::Says(_)) {
                    let _all = std::io::copy(&mut stream, &mut std::io::sink());
                }
            });
        }
    });
    port
}
