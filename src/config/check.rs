//! What the tables ask of themselves and of each other. Each check names the key and how to mend it.

use super::forward::{ForwardConfig, StageUnits};
use super::interpolant::InterpolantConfig;
use super::job::Config;
use super::network::NetworkConfig;
use super::normalise::NormaliseConfig;
use super::require::require;
use super::survey::SurveySource;
use super::transport::Scheme;
use crate::Result;

/// Values of an image, at most: a GiB of them.
const LARGEST: usize = 1 << 28;

pub(super) fn survey(c: &Config, origin: &str) -> Result<()> {
    let g = &c.grid;
    require(
        g.min > 0.0 && g.max > g.min && g.max.is_finite(),
        origin,
        "grid",
        "min and max are not a wavelength range",
        "give 0 < min < max in Å",
    )?;
    require(
        g.pixels >= 16,
        origin,
        "grid.pixels",
        "too few pixels",
        "give at least 16",
    )?;
    require(
        c.select.z_min < c.select.z_max,
        origin,
        "select.z_min",
        "z_min is not below z_max",
        "give z_min < z_max",
    )?;
    require(
        (0.0..=1.0).contains(&c.select.coverage_min),
        origin,
        "select.coverage_min",
        "not a fraction",
        "give a number in 0..1",
    )?;
    require(
        c.survey.sky_fibres.is_none() || c.interpolant.is_sure(),
        origin,
        "survey.sky_fibres",
        "only the posterior of `sure` knows of the sky's residues",
        "leave it out, or give interpolant.kind = \"sure\"",
    )?;
    if let SurveySource::Images { path, .. } = &c.survey.source {
        require(
            c.survey.noise.is_given(),
            origin,
            "survey.noise",
            "only the noise of spectra is measured",
            "leave it out for images",
        )?;
        require(
            !path.is_empty(),
            origin,
            "survey.source.path",
            "an empty list",
            "give a file or folder of images",
        )?;
    }
    let files = match &c.survey.source {
        SurveySource::Sdss { spectra, .. } => Some((spectra, "survey.source.spectra")),
        SurveySource::Desi { coadds, .. } => Some((coadds, "survey.source.coadds")),
        _ => None,
    };
    if let Some((paths, key)) = files {
        require(
            !paths.is_empty(),
            origin,
            key,
            "an empty list",
            "give a folder of spectra",
        )?;
    }
    if let NormaliseConfig::Window { min, max, .. } = c.normalise {
        require(
            min > 0.0 && max > min,
            origin,
            "normalise.min",
            "min and max are not a wavelength range",
            "give 0 < min < max in Å",
        )?;
    }
    Ok(())
}

pub(super) fn model(c: &Config, origin: &str) -> Result<()> {
    let ok =
        |yes: bool, key: &str, problem: &str, fix: &str| require(yes, origin, key, problem, fix);
    super::forward::check(&c.forward, origin)?;
    super::network::check(&c.network, origin)?;
    interpolant(c, origin)?;
    c.transport.check(origin)?;
    c.train.check(&c.transport, origin)?;
    ok(
        !c.network.gaussian() || c.forward.has_closed_form(),
        "network.gaussian",
        "needs a channel in closed form",
        "give forward.kind = \"quasar\" or \"gaussian\", or network.gaussian = false",
    )?;
    ok(
        !c.network.gaussian() || !matches!(c.interpolant, InterpolantConfig::FokkerPlanck { .. }),
        "network.gaussian",
        "not for the Fokker-Planck path",
        "give interpolant.kind = \"sde\" or \"ode\"",
    )?;
    ok(
        c.transport.bf16.is_off() || matches!(c.network, NetworkConfig::Unet1d(_)),
        "transport.bf16",
        "for the 1-D U-Net alone",
        "give network.bf16 = true for images",
    )?;
    ok(
        c.restore.draws > 0 && c.restore.batch != Some(0),
        "restore.draws",
        "draws and batch must be positive",
        "give e.g. 16",
    )?;
    ok(
        c.restore.quantiles.iter().all(|q| (0.0..=1.0).contains(q)),
        "restore.quantiles",
        "not all in 0..1",
        "give e.g. [0.16, 0.84]",
    )
}

fn interpolant(c: &Config, origin: &str) -> Result<()> {
    match c.interpolant {
        InterpolantConfig::Ode => Ok(()),
        InterpolantConfig::Sde { gamma, epsilon, .. } => require(
            [gamma, epsilon].iter().all(|v| *v > 0.0 && v.is_finite()),
            origin,
            "interpolant",
            "gamma and epsilon must be positive",
            "give e.g. gamma = 1.0, epsilon = 1.0",
        ),
        InterpolantConfig::FokkerPlanck { epsilon } => fokker_planck(c, epsilon, origin),
        InterpolantConfig::Posterior { erased } => posterior(c, erased, origin),
        InterpolantConfig::Sure => sure(c, origin),
    }
}

/// What the path from a posterior asks of the other sections.
fn posterior(c: &Config, erased: f64, origin: &str) -> Result<()> {
    let ok =
        |yes: bool, key: &str, problem: &str, fix: &str| require(yes, origin, key, problem, fix);
    ok(
        erased >= 0.0 && erased.is_finite(),
        "interpolant.erased",
        "not a variance",
        "give e.g. 1.0",
    )?;
    ok(
        c.train.mix == 1.0,
        "train.mix",
        "the path from a posterior belongs to F(x0): a recorded observation is not its end",
        "leave it out, or give 1",
    )?;
    ok(
        c.train.warm_start == 0,
        "train.warm_start",
        "a network that says nothing is the Gaussian posterior already",
        "leave it out, or give 0",
    )?;
    ok(
        c.transport.scheme == Scheme::Multistep,
        "transport.scheme",
        "the path from a posterior has steps of its own",
        "leave it out, or give \"multistep\"",
    )?;
    ok(
        !c.network.gaussian(),
        "network.gaussian",
        "the path from a posterior has a Gaussian population of its own",
        "leave it out, or give false",
    )
}

/// What the mean learned by SURE asks of the other sections.
fn sure(c: &Config, origin: &str) -> Result<()> {
    let ok =
        |yes: bool, key: &str, problem: &str, fix: &str| require(yes, origin, key, problem, fix);
    ok(
        c.forward.has_closed_form() && c.image.is_none(),
        "interpolant.kind",
        "`sure` is for spectra behind a channel in closed form",
        "give forward.kind = \"quasar\" or \"gaussian\", or interpolant.kind = \"sde\"",
    )?;
    ok(
        c.network.noise_input() && !c.network.gaussian(),
        "network",
        "`sure` tells the network the noise level and the Gaussian posterior in its own way",
        "give noise_input = true and leave `gaussian` out",
    )?;
    ok(
        c.train.warm_start == 0 && c.train.growth.is_none() && c.train.clean.is_none(),
        "train",
        "`sure` has no transport to warm up or grow, and takes no clean data",
        "leave out warm_start, growth and clean",
    )
}

/// What the Fokker–Planck interpolant asks of the other sections.
fn fokker_planck(c: &Config, epsilon: f64, origin: &str) -> Result<()> {
    require(
        matches!(c.forward, ForwardConfig::Gaussian { .. }),
        origin,
        "interpolant.kind",
        "`fokker-planck` is for additive Gaussian noise of one level, and forward.kind is another channel",
        "give interpolant.kind = \"ode\" or \"sde\", or forward.kind = \"gaussian\"",
    )?;
    require(
        epsilon >= 0.0 && epsilon.is_finite(),
        origin,
        "interpolant.epsilon",
        "negative",
        "give 0 for the probability-flow ODE, 1 for draws from the posterior",
    )?;
    require(
        c.train.mix == 1.0,
        origin,
        "train.mix",
        "the Fokker–Planck path runs from x0 to F(x0): a recorded observation is not its end",
        "leave it out, or give 1",
    )
}

pub(super) fn image(c: &Config, origin: &str) -> Result<()> {
    let ok =
        |yes: bool, key: &str, problem: &str, fix: &str| require(yes, origin, key, problem, fix);
    let pixels = matches!(c.normalise, NormaliseConfig::Pixels { .. });
    let source = matches!(c.survey.source, SurveySource::Images { .. });
    let stages = match &c.forward {
        ForwardConfig::Stages { stages, .. } => &stages[..],
        _ => &[],
    };
    let in_file = matches!(
        &c.forward,
        ForwardConfig::Stages {
            units: Some(StageUnits::File),
            ..
        }
    );
    ok(
        c.image.is_some() || !c.restore.shapes,
        "restore.shapes",
        "shapes are measured on images",
        "leave it out",
    )?;
    let Some(image) = &c.image else {
        ok(
            !source,
            "survey.source.kind",
            "images, but there is no [image]",
            "add [image] with channels, height and width",
        )?;
        ok(
            !pixels,
            "normalise.kind",
            "`pixels` is for images",
            "give window, column or none, or add [image]",
        )?;
        ok(
            !in_file,
            "forward.units",
            "levels of spectra are in normalised flux",
            "leave it out",
        )?;
        return match stages {
            [] => Ok(()),
            stages => super::stage_check::check_data(stages, false, origin),
        };
    };
    ok(
        image.channels > 0 && image.height > 1 && image.width > 1,
        "image",
        "not the shape of an image",
        "give e.g. channels = 3, height = 32, width = 32",
    )?;
    ok(
        image.channels * image.height * image.width <= LARGEST,
        "image",
        "more than 2^28 values in an image",
        "cut the images into smaller ones",
    )?;
    ok(
        source,
        "survey.source.kind",
        "spectra, but [image] says that the data are images",
        "give kind = \"images\", or remove [image]",
    )?;
    ok(
        pixels,
        "normalise.kind",
        "for spectra, but [image] says that the data are images",
        "give kind = \"pixels\"",
    )?;
    ok(
        c.train.warm_start == 0,
        "train.warm_start",
        "there is no warm start for images",
        "give warm_start = 0",
    )?;
    if let SurveySource::Images { unit, filters, .. } = &c.survey.source {
        let (n, all) = (image.channels, [unit, filters]);
        ok(
            all.iter().all(|t| t.len() <= 1 || t.len() == n)
                && (filters.is_empty() || filters.len() == n),
            "survey.source",
            "lists of units or filters of another length than image.channels",
            "give one text for each channel (one unit alone counts for all)",
        )?;
    }
    super::stage_check::check_data(stages, true, origin)?;
    let factor = c.forward.undersampling();
    ok(
        image.height.is_multiple_of(factor) && image.width.is_multiple_of(factor),
        "forward.stages",
        "`undersample` by a factor that does not divide image.height and image.width",
        "give another factor, or cut the images",
    )?;
    if let ForwardConfig::Stages { units, .. } = &c.forward {
        let stretched = matches!(
            &c.normalise,
            NormaliseConfig::Pixels {
                softening: Some(_),
                ..
            }
        );
        ok(
            !stretched || *units != Some(StageUnits::Normalised),
            "forward.units",
            "normalised values are stretched here, which no light ever is",
            "give units = \"file\" or leave it out",
        )?;
    }
    if let NormaliseConfig::Pixels {
        mean,
        std,
        softening,
    } = &c.normalise
    {
        let fits = |v: &Option<Vec<f64>>, good: &dyn Fn(f64) -> bool| {
            v.as_ref()
                .is_none_or(|v| v.len() == image.channels && v.iter().all(|x| good(*x)))
        };
        ok(
            fits(mean, &f64::is_finite) && fits(std, &|s| s > 0.0 && s.is_finite()),
            "normalise.mean",
            "mean and std are not one number (std: positive) per channel",
            "give as many as image.channels, or leave both out to have them measured",
        )?;
        ok(
            mean.is_some() == std.is_some(),
            "normalise.std",
            "one of mean and std is given",
            "give both or neither",
        )?;
        ok(
            softening.is_none_or(|s| s > 0.0 && s.is_finite()),
            "normalise.softening",
            "not positive",
            "give about the noise level of the sky, in the file's units",
        )?;
    }
    Ok(())
}

/// Whether the network fits the rows: asked when a run is started, since the other commands (and a
/// small grid) may do without the network.
pub(super) fn fits(c: &Config, origin: &str) -> Result<()> {
    match (&c.network, &c.image) {
        (NetworkConfig::Unet1d(n), None) => require(
            n.fits(c.grid.pixels),
            origin,
            "network.margin",
            "grid.pixels + 2 margin must be divisible by patch · 2^(levels − 1), margin + patch below pixels",
            "change margin",
        ),
        (NetworkConfig::Unet2d(n), Some(image)) => {
            require(
                n.fits(image.height, image.width),
                origin,
                "network.multipliers",
                "image.height and image.width must be divisible by 2^(levels − 1)",
                "give fewer multipliers, or pad the images",
            )?;
            let heights: Vec<i64> = (0..n.multipliers.len())
                .map(|level| (image.height >> level) as i64)
                .collect();
            require(
                n.attention.is_empty() || n.attention.iter().any(|a| heights.contains(a)),
                origin,
                "network.attention",
                &format!("no level has such a height; the levels have {heights:?}"),
                "give some of these heights, or [] for attention in the middle alone",
            )
        }
        (NetworkConfig::Unet1d(_), Some(_)) => require(
            false,
            origin,
            "network.kind",
            "unet1d is for spectra",
            "give kind = \"unet2d\" or leave it out",
        ),
        (NetworkConfig::Unet2d(_), None) => require(
            false,
            origin,
            "network.kind",
            "unet2d is for images",
            "give [image], or kind = \"unet1d\"",
        ),
    }
}
