//! From statistics to p-values, verdicts and flags.

use super::auditable::Auditable;
use super::examine::{Findings, STATISTICS, Support};
use super::halves::{DISAGREE, Difference};
use super::place::{Place, Places, extent};
use super::table::{AuditHeader, AuditRow, FeatureRow, audit_flag as flag};
use super::verdict::{CONTRADICTED, SUPPORTED, UNDECIDED, Verdicts};
use crate::base::null::Null;
use crate::data::Object;
use crate::restored::restorations::Restorations;
use serde::Serialize;

/// The laws of the statistics where nothing is wrong, and what is compared with them.
pub struct Judge<'a, H: Auditable> {
    nulls: [Null; STATISTICS],
    /// Significance level of each statistic: together they keep α (Bonferroni).
    level: f64,
    statistics: usize,
    verdicts: Verdicts,
    catalog: &'a H::Catalog,
    /// Tells where pixel i of an object is.
    places: Places<'a>,
    /// Whether another run's restorations are compared.
    halved: bool,
}

/// A finished audit.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// How it was made, and its thresholds.
    pub header: AuditHeader,
    /// One for each row of the catalog, in its order.
    pub rows: Vec<AuditRow>,
    /// One for each feature of each audited object.
    pub features: Vec<FeatureRow>,
    /// Counts over the objects.
    pub summary: Summary,
}

/// Counts of an audit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Objects in the catalog.
    pub rows: usize,
    /// Objects that could be audited.
    pub audited: usize,
    /// Objects whose observation contradicts the restoration.
    pub flagged: usize,
    /// How many would be flagged, at most, were every restoration right.
    pub expected_by_chance: f64,
    /// Flagged for their chi-square.
    pub chi2: usize,
    /// Flagged for a local residual: a line, a blob.
    pub local: usize,
    /// Flagged for a contradicted feature.
    pub feature: usize,
    /// Flagged for the chi-square or a local residual of the draw.
    pub draw: usize,
    /// Flagged for an observation that is unlikely under the population.
    pub likelihood: usize,
    /// Flagged because another redshift fits better.
    pub redshift: usize,
    /// Objects over which the other run disagrees; absent without one.
    pub halves: Option<usize>,
    /// Features that the data support.
    pub supported: usize,
    /// Features that the data leave open.
    pub undecided: usize,
    /// Features that the data contradict.
    pub contradicted: usize,
}

impl<'a, H: Auditable> Judge<'a, H> {
    /// From findings on simulated observations; `alpha`: the probability that a right object is
    /// flagged, `fdr`: the part of supported features that are not real.
    #[must_use]
    pub fn new(
        simulated: &[Findings],
        (alpha, fdr): (f64, f64),
        catalog: &'a H::Catalog,
        halved: bool,
    ) -> Self {
        let values: Vec<[f64; STATISTICS]> = simulated.iter().map(Findings::statistics).collect();
        let nulls: [Null; STATISTICS] =
            std::array::from_fn(|k| Null::new(values.iter().map(|v| v[k])));
        let exists = |k: &usize| values.iter().any(|v| v[*k].is_finite());
        let likely = catalog.objects().iter().any(|o| o.loglike_p.is_finite());
        let statistics = (0..STATISTICS).filter(exists).count() + usize::from(likely);
        let statistics = statistics.max(1);
        let level = alpha / statistics as f64;
        Self {
            verdicts: Verdicts::new(simulated, fdr, nulls[2].critical(level)),
            nulls,
            level,
            statistics,
            catalog,
            halved,
            places: H::places(catalog),
        }
    }

    /// How many statistics share α.
    #[must_use]
    pub fn statistics(&self) -> usize {
        self.statistics
    }

    /// From which Δχ² on a feature is supported or contradicted.
    #[must_use]
    pub fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }

    /// The audit of the catalog before anything is found: one row for each of its objects.
    #[must_use]
    pub fn begun(&self, header: AuditHeader) -> Audit {
        let rows: Vec<AuditRow> = self.catalog.objects().iter().map(not_audited).collect();
        Audit {
            summary: self.summary(&rows, header.alpha),
            header,
            rows,
            features: Vec::new(),
        }
    }

    /// Takes what was `found` of row `row`, and how another run's restoration differs, into the audit.
    pub fn judge(
        &self,
        audit: &mut Audit,
        row: usize,
        found: &Findings,
        half: Option<&Difference>,
    ) {
        let object = &self.catalog.objects()[row];
        let place = |i: usize| (self.places)(object, i);
        if found.restored.dof > 0.0 {
            audit.rows[row] = self.row(object, found, half, &place);
            let feature = |s| self.feature(row, object, s, half, &place);
            audit.features.extend(found.features.iter().map(feature));
        } else {
            audit.rows[row].reason = "every pixel is masked".into();
        }
    }

    /// The audit when every object is judged.
    #[must_use]
    pub fn finished(&self, mut audit: Audit) -> Audit {
        // Objects come in the order of the observations.
        audit.features.sort_by_key(|f| f.row);
        audit.summary = self.summary(&audit.rows, audit.header.alpha);
        audit
    }

    fn row(
        &self,
        object: &Object,
        f: &Findings,
        half: Option<&Difference>,
        place: At<'_>,
    ) -> AuditRow {
        let statistics = f.statistics();
        let p: [f64; STATISTICS] = std::array::from_fn(|k| self.nulls[k].p(statistics[k]));
        let half = half.and_then(Difference::disagreement);
        let count = |v: &str| {
            f.features
                .iter()
                .filter(|s| self.verdicts.of(s) == v)
                .count()
        };
        let draw = |g: &dyn Fn(&super::residual::Fit) -> f64| f.draw.as_ref().map_or(f64::NAN, g);
        let mut out = AuditRow {
            chi2: f.restored.chi2,
            dof: f.restored.dof,
            chi2_p: p[0],
            local_s: f.restored.local,
            local_at: place(f.restored.at),
            local_p: p[1],
            draw_chi2: draw(&|d| d.chi2),
            draw_chi2_p: p[3],
            draw_local_s: draw(&|d| d.local),
            draw_local_at: f.draw.as_ref().map_or(Place::Nowhere, |d| place(d.at)),
            draw_local_p: p[4],
            supported: count(SUPPORTED),
            undecided: count(UNDECIDED),
            contradicted: count(CONTRADICTED),
            feature_p: if f.features.is_empty() {
                f64::NAN
            } else {
                p[2]
            },
            z_best: f.redshift.map_or(f64::NAN, |z| z.z),
            z_gain: statistics[5],
            z_p: p[5],
            half_rms: half.map_or(f64::NAN, |h| h.rms),
            half_max: half.map_or(f64::NAN, |h| h.max),
            half_at: half.map_or(Place::Nowhere, |h| place(h.at)),
            flag: 0,
            ..not_audited(object)
        };
        let below = |k: usize| p[k] <= self.level;
        for (bit, wrong) in [
            (flag::CHI2, below(0)),
            (flag::LOCAL, below(1)),
            (flag::FEATURE, out.contradicted > 0),
            (flag::DRAW, below(3) || below(4)),
            (flag::LIKELIHOOD, object.loglike_p <= self.level),
            // One that is as likely is no better.
            (flag::REDSHIFT, below(5) && out.z_gain > 0.0),
            (flag::HALVES, out.half_max.abs() >= DISAGREE),
        ] {
            out.flag |= if wrong { bit } else { 0 };
        }
        out.reason = self.reason(&out, f, place);
        out
    }

    /// The flag in words.
    fn reason(&self, row: &AuditRow, found: &Findings, place: At<'_>) -> String {
        let mut parts = Vec::new();
        let mut say = |bit, text: String| {
            if row.flag & bit != 0 {
                parts.push(text);
            }
        };
        let fit = |name: &str, [chi2, p, s, local_p]: [f64; 4], at: Place| {
            let what = if s < 0.0 { "lacks" } else { "has beyond" };
            let line = match at {
                Place::Wavelength(_) => "line",
                _ => "blob",
            };
            format!(
                "y against F({name}): chi2 {chi2:.0} of {:.0} pixels (p {p:.1e}), y {what} a {line} of {:.1} sigma at {at} (p {local_p:.1e})",
                row.dof,
                s.abs()
            )
        };
        let restored = [row.chi2, row.chi2_p, row.local_s, row.local_p];
        let draw = [
            row.draw_chi2,
            row.draw_chi2_p,
            row.draw_local_s,
            row.draw_local_p,
        ];
        let (restored, draw) = (
            fit("RESTORED", restored, row.local_at),
            fit("DRAW", draw, row.draw_local_at),
        );
        say(flag::CHI2 | flag::LOCAL, restored);
        let against: Vec<String> = found
            .features
            .iter()
            .filter(|s| self.verdicts.of(s) == CONTRADICTED)
            .map(|s| {
                let at = place(s.feature.peak);
                format!(
                    "{} at {at} (delta chi2 {:.0})",
                    s.feature.name, s.delta_chi2
                )
            })
            .collect();
        say(
            flag::FEATURE,
            format!("y contradicts {}", against.join(", ")),
        );
        say(flag::DRAW, draw);
        say(
            flag::LIKELIHOOD,
            format!(
                "the observation is unlikely under the population (p {:.1e})",
                row.object.loglike_p
            ),
        );
        say(
            flag::REDSHIFT,
            format!(
                "z = {:.4} does not fit: z = {:.4} is likelier by exp({:.1}) (p {:.1e})",
                row.object.z, row.z_best, row.z_gain, row.z_p
            ),
        );
        let half = format!(
            "the other run differs by {:.1} SIGMA at {}",
            row.half_max, row.half_at
        );
        say(flag::HALVES, half);
        parts.join("; ")
    }

    fn feature(
        &self,
        row: usize,
        object: &Object,
        s: &Support,
        half: Option<&Difference>,
        place: At<'_>,
    ) -> FeatureRow {
        let f = &s.feature;
        let value = |v: f64| H::value(self.catalog, object, f.peak, v);
        FeatureRow {
            row,
            name: f.name,
            at: place(f.peak),
            extent: extent(f.pixels.iter().map(|i| place(*i))),
            size: f.pixels.len(),
            height: value(s.top) - value(s.top - s.height),
            delta_chi2: s.delta_chi2,
            separation: s.separation,
            sigma_prior: value(s.top) - value(s.top - s.prior),
            verdict: self.verdicts.of(s),
            half: half.map_or(f64::NAN, |h| h.over(&f.pixels)),
        }
    }

    fn summary(&self, rows: &[AuditRow], alpha: f64) -> Summary {
        let count = |bits: i32| rows.iter().filter(|r| r.flag & bits != 0).count();
        let sum = |f: fn(&AuditRow) -> usize| rows.iter().map(f).sum();
        let audited = rows.len() - count(flag::NOT_AUDITED);
        Summary {
            rows: rows.len(),
            audited,
            flagged: count(
                flag::CHI2
                    | flag::LOCAL
                    | flag::FEATURE
                    | flag::DRAW
                    | flag::LIKELIHOOD
                    | flag::REDSHIFT,
            ),
            expected_by_chance: alpha * audited as f64,
            chi2: count(flag::CHI2),
            local: count(flag::LOCAL),
            feature: count(flag::FEATURE),
            draw: count(flag::DRAW),
            likelihood: count(flag::LIKELIHOOD),
            redshift: count(flag::REDSHIFT),
            halves: self.halved.then(|| count(flag::HALVES)),
            supported: sum(|r| r.supported),
            undecided: sum(|r| r.undecided),
            contradicted: sum(|r| r.contradicted),
        }
    }
}

/// Tells where a pixel of one object is.
type At<'a> = &'a dyn Fn(usize) -> Place;

/// The row of an object that there is nothing to say about.
fn not_audited(object: &Object) -> AuditRow {
    AuditRow {
        object: object.clone(),
        chi2: f64::NAN,
        dof: 0.0,
        chi2_p: f64::NAN,
        local_s: f64::NAN,
        local_at: Place::Nowhere,
        local_p: f64::NAN,
        draw_chi2: f64::NAN,
        draw_chi2_p: f64::NAN,
        draw_local_s: f64::NAN,
        draw_local_at: Place::Nowhere,
        draw_local_p: f64::NAN,
        supported: 0,
        undecided: 0,
        contradicted: 0,
        feature_p: f64::NAN,
        z_best: f64::NAN,
        z_gain: f64::NAN,
        z_p: f64::NAN,
        half_rms: f64::NAN,
        half_max: f64::NAN,
        half_at: Place::Nowhere,
        flag: flag::NOT_AUDITED,
        reason: format!("not restored: {}", object.reason),
    }
}
