//! Whatever the other side sends: no panic, no memory for what has not arrived.
#![no_main]

use cm_tui::protocol::{self, Greeting, Hello, ToAgent, ToClient};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _hello = protocol::decode::<Hello>(bytes);
    let _greeting = protocol::decode::<Greeting>(bytes);
    let _order = protocol::decode::<ToAgent>(bytes);
    let _fact = protocol::decode::<ToClient>(bytes);
    let mut buffer = bytes.into();
    while let Ok(Some(_body)) = protocol::take_body(&mut buffer, protocol::MAX_MESSAGE) {}
});
