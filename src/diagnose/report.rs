//! The diagnosis of a run, for people and as JSON.

use super::history::{History, Validated};
use super::trend::{Trend, Verdict};
use crate::fit::erased_fault;
use crate::train::{Proxies, Proxy};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Everything that is printed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// The run folder.
    pub run: PathBuf,
    /// Steps of the warm start, whose validations do not count.
    pub warm_start: u64,
    /// Steps of one outer iteration.
    pub iteration: u64,
    /// Step of the best validation score.
    pub best: u64,
    /// Those of the run, by step.
    pub validations: Vec<Validated>,
    /// Trend of the nearest-neighbour estimate of the KL.
    pub knn: Trend,
    /// Trend of the Gaussian estimate of the KL.
    pub gaussian: Trend,
    /// The worse of the two.
    pub verdict: Verdict,
    /// What to do next.
    pub next: String,
}

impl Diagnosis {
    /// Of the validations in `history`.
    #[must_use]
    pub fn of(history: &History) -> Self {
        let trend = |of: fn(&Proxies) -> Proxy| {
            let point = |v: &Validated| Some((v.step, of(v.proxies.as_ref()?)));
            let series: Vec<(u64, Proxy)> = history.loop_part().filter_map(point).collect();
            Trend::of(&series)
        };
        let (knn, gaussian) = (trend(|p| p.knn), trend(|p| p.gaussian));
        let verdict = knn.verdict.max(gaussian.verdict);
        Self {
            run: history.run.clone(),
            warm_start: history.warm_start,
            iteration: history.iteration,
            best: history.best,
            validations: history.validations.clone(),
            knn,
            gaussian,
            verdict,
            next: next(verdict, history),
        }
    }

    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    step   k-NN KL   factor   Gaussian KL   factor")?;
        let mut before: Option<Proxies> = None;
        for v in &self.validations {
            let warm = v.step < self.warm_start;
            let Some(p) = v.proxies else {
                writeln!(f, "{:8}   F(Φ(y)) is not finite", v.step)?;
                continue;
            };
            let factor = |of: fn(&Proxies) -> Proxy| factor(before.as_ref().map(of), of(&p));
            writeln!(
                f,
                "{:8}  {:8.4}   {:>6}   {:11.4}   {:>6}{}",
                v.step,
                p.knn.value,
                factor(|p| p.knn),
                p.gaussian.value,
                factor(|p| p.gaussian),
                if warm { "   warm start" } else { "" }
            )?;
            before = (!warm).then_some(p);
        }
        let Some(p) = self.validations.iter().rev().find_map(|v| v.proxies) else {
            return Ok(());
        };
        let (k, g) = (p.knn, p.gaussian);
        writeln!(f, "   floor  {:8.4}            {:11.4}", k.floor, g.floor)?;
        writeln!(f, "       ±  {:8.4}            {:11.4}\n", k.error, g.error)
    }

    fn sentence(&self, t: &Trend) -> String {
        let above = format!("{:.3} above the floor", t.excess);
        let rate = t.rate.unwrap_or(0.0);
        let per_iteration = (rate * self.iteration as f64).exp();
        let pace = format!(
            "a factor {per_iteration:.4} per outer iteration of {} steps",
            self.iteration
        );
        match t.verdict {
            Verdict::TooFew => format!("{above}; no verdict"),
            Verdict::Converged => format!("at the floor (within {:.3})", t.noise),
            Verdict::Contracts => format!(
                "{above}; contracts, {pace}; the floor is about {:.0} steps away",
                t.steps_left().unwrap_or(0.0)
            ),
            Verdict::Stalls => format!("{above}; stalls"),
            Verdict::Drifts => format!("{above}; drifts, {pace}"),
        }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: KL of held-out observations y to F(Φ(y)), in nats, in their leading principal components\n",
            self.run.display()
        )?;
        self.table(f)?;
        writeln!(f, "k-NN KL      {}", self.sentence(&self.knn))?;
        writeln!(f, "Gaussian KL  {}", self.sentence(&self.gaussian))?;
        if let Some(ratio) = self.validations.last().and_then(|v| v.erased) {
            let said = erased_fault(Some(ratio));
            let fine =
                || format!("draws hold {ratio:.2} times the start's variance: as they should");
            writeln!(f, "Erased modes {}", said.unwrap_or_else(fine))?;
        }
        writeln!(f)?;
        write!(f, "The run {}. {}.", words(self.verdict), self.next)
    }
}

/// How the excess over the floor changed from `before`; nothing where either is within the noise.
fn factor(before: Option<Proxy>, now: Proxy) -> String {
    let excess = |p: Proxy| Some(p.value - p.floor).filter(|e| *e > 2.0 * p.error);
    match (before.and_then(excess), excess(now)) {
        (Some(before), Some(now)) => format!("{:.3}", now / before),
        _ => "–".to_owned(),
    }
}

fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Converged => "has converged",
        Verdict::Contracts => "contracts",
        Verdict::Stalls => "stalls",
        Verdict::Drifts => "drifts",
        Verdict::TooFew => "has too few validations for a verdict",
    }
}

fn next(verdict: Verdict, history: &History) -> String {
    match verdict {
        Verdict::Converged => format!(
            "F(Φ(y)) is indistinguishable from the held-out observations. Next: `selfsi restore {} --out restored.fits`",
            history.run.display()
        ),
        Verdict::Contracts => {
            "Let it go on; if its steps are used up, train anew with a larger train.steps".into()
        }
        Verdict::Stalls => "More steps of the same are unlikely to help: check that [forward] says what \
             happened to the light (ivar above all), then raise transport.steps or the network's channels"
            .into(),
        Verdict::Drifts => format!(
            "Stop it; selfsi restore uses the best validation (step {}). Train anew with \
             transport.scheme = \"multistep\", more transport.steps or a lower train.learning_rate",
            history.best
        ),
        Verdict::TooFew => "Three after the warm start are needed: let it go on, or train with a smaller \
             train.validate_every"
            .into(),
    }
}
