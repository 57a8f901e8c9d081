//! The objects of a restored catalog beside the observations that they were restored from.

use super::auditable::Auditable;
use super::examine::Restorations;
use super::halves::{identity, same};
use crate::base::tensors::tensor;
use crate::data::Object;
use crate::prepare::PreparedSet;
use crate::restored::restorations::Restorations as _;
use crate::{Error, Result};
use ndarray::Array2;
use std::collections::HashMap;
use tch::Device;

/// The objects of a catalog that can be audited, in the order of the set of observations.
pub struct Observed<'a, H: Auditable> {
    catalog: &'a H::Catalog,
    set: &'a PreparedSet<H>,
    /// Rows of the catalog and of the set.
    rows: Vec<(usize, usize)>,
    device: Device,
}

impl<'a, H: Auditable> Observed<'a, H> {
    /// Finds the usable objects of `catalog` in `set`.
    ///
    /// # Errors
    /// [`Error::Input`] if one is not there, or none is usable.
    pub fn new(catalog: &'a H::Catalog, set: &'a PreparedSet<H>, device: Device) -> Result<Self> {
        let places: HashMap<_, usize> = (0..set.len())
            .map(|i| (identity(&set.objects()[i]), i))
            .collect();
        let usable = (0..catalog.objects().len()).filter(|i| catalog.objects()[*i].flag == 0);
        let place = |i: usize| {
            let object = &catalog.objects()[i];
            let row = places.get(&identity(object));
            let missing = || {
                foreign::<H>(
                    catalog,
                    set,
                    &format!("the input has no observation of {}", object.name),
                )
            };
            Ok((i, *row.ok_or_else(missing)?))
        };
        let mut rows: Vec<(usize, usize)> = usable.map(place).collect::<Result<_>>()?;
        if rows.is_empty() {
            return Err(Error::input(
                catalog.path(),
                "CATALOG",
                "no object is restored",
                "at least one with FLAG = 0",
                "see its REASON column",
            ));
        }
        rows.sort_by_key(|(_, row)| *row);
        Ok(Self {
            catalog,
            set,
            rows,
            device,
        })
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Row of the catalog of object `k`.
    #[must_use]
    pub fn row(&self, k: usize) -> usize {
        self.rows[k].0
    }

    /// Observations, normalised, of the objects `part`, which ascend, and the objects.
    ///
    /// # Errors
    /// [`Error::Input`] if the set cannot be read, or its observation is not the catalog's.
    pub fn batch(&self, part: &[usize]) -> Result<(H::Block, Vec<Object>)> {
        let rows: Vec<usize> = part.iter().map(|k| self.rows[*k].1).collect();
        let block = self.set.read_rows(&rows)?;
        let objects: Vec<Object> = part
            .iter()
            .map(|k| self.catalog.objects()[self.row(*k)].clone())
            .collect();
        let recorded = self.image("OBSERVED", part)?;
        let (given, _) = self.set.header().observed(&block, &objects);
        let pairs = given.rows().into_iter().zip(recorded.rows());
        for (o, (given, recorded)) in objects.iter().zip(pairs) {
            if !same(given.iter(), recorded.iter()) {
                let problem = format!(
                    "the input's observation of {} differs from OBSERVED",
                    o.name
                );
                return Err(foreign(self.catalog, self.set, &problem));
            }
        }
        Ok((block, objects))
    }

    /// The catalog's restorations of the objects `part`, normalised.
    ///
    /// # Errors
    /// [`Error::Input`] if they cannot be read.
    pub fn restorations(&self, part: &[usize]) -> Result<Restorations> {
        let random = self.catalog.made().method.is_random();
        let image = |name| {
            let values = self.image(name, part)?;
            Ok::<_, Error>(tensor(&self.normalised(values, part), self.device))
        };
        let draw = || image("DRAW");
        Ok(Restorations {
            restored: image("RESTORED")?,
            draw: random.then(draw).transpose()?,
        })
    }

    /// SIGMA_PRIOR of the objects `part`, normalised, [n, D]; `None` where the catalog does not tell it.
    ///
    /// # Errors
    /// [`Error::Input`] if it cannot be read.
    pub fn priors(&self, part: &[usize]) -> Result<Option<Array2<f32>>> {
        if !self.catalog.made().prior {
            return Ok(None);
        }
        let restored = self.image("RESTORED", part)?;
        let above = &restored + &self.image("SIGMA_PRIOR", part)?;
        Ok(Some(
            self.normalised(above, part) - self.normalised(restored, part),
        ))
    }

    /// `count` simulations in batches of at most `size`: the number of the round and its objects,
    /// evenly spread over the catalog.
    #[must_use]
    pub fn rounds(&self, count: usize, size: usize) -> Vec<(usize, Vec<usize>)> {
        let n = self.len();
        let mut rounds = Vec::new();
        for (round, done) in (0..count).step_by(n).enumerate() {
            let m = (count - done).min(n);
            let spread: Vec<usize> = (0..m).map(|k| k * n / m).collect();
            rounds.extend(spread.chunks(size).map(|part| (round, part.to_vec())));
        }
        rounds
    }

    /// Rows of the image `name` of the objects `part`, [n, D].
    fn image(&self, name: &str, part: &[usize]) -> Result<Array2<f32>> {
        let rows: Vec<usize> = part.iter().map(|k| self.row(*k)).collect();
        self.catalog.open_image(name)?.read(&rows)
    }

    fn normalised(&self, values: Array2<f32>, part: &[usize]) -> Array2<f32> {
        let object = |k: &usize| self.catalog.objects()[self.row(*k)].clone();
        let objects: Vec<Object> = part.iter().map(object).collect();
        H::normalised(self.catalog, values, &objects)
    }
}

fn foreign<H: Auditable>(catalog: &H::Catalog, set: &PreparedSet<H>, problem: &str) -> Error {
    Error::input(
        catalog.path(),
        set.path().display(),
        problem,
        "the observations that this catalog was restored from",
        "give the INPUT (and --catalog) that selfsi restore was given",
    )
}
