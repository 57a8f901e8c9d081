//! `transport.bf16`: whether Φ is computed in bfloat16.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Off or on; or to be decided by the processor when a run begins, which then keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bf16 {
    /// In fp32.
    #[default]
    Off,
    /// In bfloat16.
    On,
    /// In bfloat16 where the processor has instructions for it.
    Auto,
}

impl Bf16 {
    /// What it comes to where `quick` says whether bfloat16 is the faster.
    #[must_use]
    pub fn decided(self, quick: bool) -> Self {
        match self {
            Self::Auto if quick => Self::On,
            Self::Auto => Self::Off,
            decided => decided,
        }
    }

    /// Whether Φ is computed in bfloat16, once that is decided.
    #[must_use]
    pub fn is_on(self) -> bool {
        self == Self::On
    }

    pub(super) fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Auto,
}

/// As a file says it.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected true, false or \"auto\"")]
enum Said {
    Whether(bool),
    Word(Word),
}

impl Serialize for Bf16 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let said = match self {
            Self::Auto => Said::Word(Word::Auto),
            decided => Said::Whether(decided.is_on()),
        };
        said.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Bf16 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match Said::deserialize(from)? {
            Said::Whether(true) => Self::On,
            Said::Whether(false) => Self::Off,
            Said::Word(Word::Auto) => Self::Auto,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Bf16;
    use crate::config::Config;

    fn of(value: &str) -> crate::Result<Bf16> {
        let set = format!("transport.bf16={value}");
        let text = "survey.prepared = 'set.h5'\nsurvey.source = {kind = 'sdss', spectra = 's'}\n\
                    forward = {kind = 'gaussian', sigma = 0.5}";
        let config = Config::parse(text, "test", &[set])?;
        let again = Config::parse(&config.to_toml()?, "again", &[])?;
        assert_eq!(config.transport, again.transport);
        Ok(config.transport.bf16)
    }

    #[test]
    fn it_is_a_truth_value_or_the_word_auto() {
        assert_eq!(of("true").unwrap(), Bf16::On);
        assert_eq!(of("false").unwrap(), Bf16::Off);
        assert_eq!(of("\"auto\"").unwrap(), Bf16::Auto);
        for other in ["\"on\"", "1"] {
            let e = of(other).unwrap_err().to_string();
            assert!(e.contains("bf16") && e.contains("\"auto\""), "{e}");
        }
    }

    #[test]
    fn auto_goes_by_the_processor_and_what_is_decided_stays() {
        for quick in [true, false] {
            assert_eq!(Bf16::Auto.decided(quick).is_on(), quick);
            assert_eq!(Bf16::On.decided(quick), Bf16::On);
            assert_eq!(Bf16::Off.decided(quick), Bf16::Off);
        }
    }
}
