//! Many measurements as a few numbers.

use std::time::Duration;

/// Measurements of one thing, smallest first.
#[derive(Debug)]
pub struct Sample(Vec<Duration>);

impl Sample {
    pub fn new(mut all: Vec<Duration>) -> Self {
        assert!(!all.is_empty(), "nothing was measured");
        all.sort_unstable();
        Self(all)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest value that `share` of all values do not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a rank among some thousand values"
        )]
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0[rank.clamp(1, self.0.len()) - 1]
    }

    pub fn median(&self) -> Duration {
        self.quantile(0.5)
    }

    pub fn p99(&self) -> Duration {
        self.quantile(0.99)
    }

    pub fn max(&self) -> Duration {
        self.quantile(1.0)
    }

    /// `p50 0.31 ms, p99 1.20 ms, max 3.00 ms`.
    pub fn describe(&self) -> String {
        format!(
            "p50 {}, p99 {}, max {}",
            ms(self.median()),
            ms(self.p99()),
            ms(self.max())
        )
    }
}

pub fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

pub fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}
