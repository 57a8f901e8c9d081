//! Broad absorption lines: gas that leaves a quasar at thousands of km/s, seen blueward of its high-ionisation
//! lines. One trough for each ion, of the same velocities; velocities and depths are typical of C IV troughs
//! (Gibson et al. 2009, ApJ 692, 758).

use super::fine;
use super::quasar::LIGHT;
use rand::RngExt;

/// Ions, with the depth of their troughs against that of C IV, Å.
const IONS: [(f64, f64); 5] = [
    (1549.06, 1.0),
    (1396.76, 0.7),
    (1240.81, 0.9),
    (1215.67, 0.5),
    (1033.83, 0.9),
];
/// Softness of a trough's edges, km/s.
const EDGE: f64 = 300.0;

/// The outflow of one quasar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outflow {
    /// Velocity towards us at which the trough begins, km/s.
    pub velocity: f64,
    /// Its width, km/s.
    pub width: f64,
    /// Part of the light that C IV absorbs there.
    pub depth: f64,
}

/// The outflow of an object, which one in `part` has.
pub fn draw(rng: &mut impl RngExt, part: f64) -> Option<Outflow> {
    let chance: f64 = rng.random();
    let [velocity, width, depth] = std::array::from_fn(|_| rng.random::<f64>());
    (chance < part).then_some(Outflow {
        velocity: 2000.0 + 10_000.0 * velocity,
        width: 2000.0 + 8000.0 * width,
        depth: 0.3 + 0.65 * depth,
    })
}

impl Outflow {
    /// Multiplies `transmission` (fine pixels from `first` on) by the troughs of a quasar at redshift `z`.
    pub fn absorb(&self, z: f64, first: i64, transmission: &mut [f64]) {
        let n = transmission.len() as i64;
        let end = self.velocity + self.width;
        let at = |rest: f64, velocity: f64| {
            let wavelength = rest * (1.0 + z) * (-velocity / LIGHT).exp();
            (fine::index(wavelength.log10()) - first).clamp(0, n)
        };
        for (rest, share) in IONS {
            for i in at(rest, end + 8.0 * EDGE)..at(rest, self.velocity - 8.0 * EDGE) {
                let loglam = fine::loglam(first + i);
                let velocity = LIGHT * ((rest * (1.0 + z)).ln() - loglam * std::f64::consts::LN_10);
                let step = |x: f64| 0.5 * (1.0 + (x / EDGE).tanh());
                let inside = step(velocity - self.velocity) * step(end - velocity);
                transmission[i as usize] *= 1.0 - self.depth * share * inside;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn as_many_have_an_outflow_as_are_asked_for_and_light_is_lost_blueward_of_the_ion_alone() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let n = (0..4000).filter(|_| draw(&mut rng, 0.15).is_some()).count();
        assert!((n as f64 / 4000.0 - 0.15).abs() < 0.02, "{n}");
        let flow = Outflow {
            velocity: 5000.0,
            width: 4000.0,
            depth: 0.8,
        };
        let (z, first) = (1.5, fine::index(3300f64.log10()));
        let mut t = vec![1.0; 7000];
        flow.absorb(z, first, &mut t);
        let at = |rest: f64| t[(fine::index((rest * (1.0 + z)).log10()) - first) as usize];
        // 7000 km/s from C IV, and Si IV with 0.7 of its depth.
        assert!((at(1549.06 * (1.0 - 7000.0 / LIGHT)) - 0.2).abs() < 0.02);
        assert!((at(1396.76 * (1.0 - 7000.0 / LIGHT)) - 0.44).abs() < 0.02);
        assert!((at(1549.06) - 1.0).abs() < 1e-6 && (at(1450.0) - 1.0).abs() < 1e-6);
    }
}
