//! The memory of a process, as the system counts it.

/// Memory in MB (1,048,576 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Memory {
    /// Now, `VmRSS`.
    pub rss_mb: Option<f64>,
    /// At most since the start, `VmHWM`.
    pub peak_mb: Option<f64>,
}

impl Memory {
    /// Of this process; unknown where the system has no `/proc`.
    pub fn now() -> Self {
        Self::of("self")
    }

    /// Of a process, by its number.
    pub fn of(process: impl std::fmt::Display) -> Self {
        std::fs::read_to_string(format!("/proc/{process}/status")).map(|text| Self::read(&text)).unwrap_or_default()
    }

    fn read(status: &str) -> Self {
        let mb = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kb: f64 = line.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse().ok()?;
            Some((kb / 1_024.0 * 10.0).round() / 10.0)
        };
        Self { rss_mb: mb("VmRSS"), peak_mb: mb("VmHWM") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_own_words_are_read() {
        let memory = Memory::read("Name:\tentente\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\n");
        assert_eq!((memory.rss_mb, memory.peak_mb), (Some(100.0), Some(200.0)));
        assert_eq!(Memory::read(""), Memory::default());
    }
}
