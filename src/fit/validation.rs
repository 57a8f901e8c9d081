//! What a validation finds, as the log writes it.

use serde::{Deserialize, Serialize};

/// One validation's findings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Sum of the two distances: smaller is better; chooses the best checkpoint.
    pub score: f64,
    /// Sliced Wasserstein distance of F(Φ(y)) to y, in standard deviations of y along the slices.
    pub spectra: f64,
    /// The same on log band powers.
    pub power: f64,
    /// Mean power of F(Φ(y)) divided by the mean power of y, per band from long to short wavelength.
    pub power_ratio: Vec<f64>,
    /// Scatter of the outermost pixels, of F(Φ(y)) divided by y's.
    pub edge_ratio: f64,
    /// Band powers of Φ(y): a comb or ringing shows here as a band that grows.
    pub restored_power: Vec<f64>,
    /// RMS change of Φ(y) since the last validation; absent in the first.
    pub drift: Option<f64>,
    /// Variance of the draws over that of the start's in modes that the channel erases; absent where a path
    /// begins at the observations, or nothing is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<f64>,
    /// KL from the law of y to the law of F(Φ(y)); absent where too few observations are held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxies: Option<Proxies>,
}

/// How far [`Validation::erased`] may be from 1: no data correct what changes there.
const ERASED: f64 = 0.1;

/// What is wrong with [`Validation::erased`], if anything.
#[must_use]
pub fn erased_fault(erased: Option<f64>) -> Option<String> {
    let ratio = erased.filter(|r| !((1.0 - ERASED)..=(1.0 + ERASED)).contains(r))?;
    Some(format!(
        "draws hold {ratio:.2} times the start's variance in modes that the channel erases (0.9 to 1.1 is safe): no data correct it, and SIGMA is wrong there by about √{ratio:.2}; train anew with fewer train.steps or a lower train.learning_rate"
    ))
}

/// One estimate of KL(μ ‖ F#Φ#μ), in nats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Proxy {
    /// The estimate between observations and F(Φ(y)).
    pub value: f64,
    /// The same estimate between observations and other observations.
    pub floor: f64,
    /// Standard error of value − floor: its standard deviation over the divisions into halves,
    /// over √2. In simulations with samples of the same law, the true one for nearest neighbours,
    /// up to twice the true one for Gaussians.
    pub error: f64,
}

/// Both estimates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Proxies {
    /// By nearest neighbours: sees the shape, underestimates the KL to a narrower law.
    pub knn: Proxy,
    /// Of two Gaussians: sees mean and covariance alone, but of narrower laws too.
    pub gaussian: Proxy,
}
