//! What the stages of images keep of an observation, draw afresh and tell the network.

use crate::fixtures::image_batches::{self, apart, clean, layout, observe, pictures, rows};
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{Chroma, ForwardConfig, LatentUse, StageConfig};
use selfsi::data::Layout;
use selfsi::forward;
use selfsi::forward::{ForwardModel, Latent, Stages};
use tch::{Device, Kind, Tensor};

const SHAPE: [usize; 3] = [3, 16, 12];
const N: i64 = 40;

/// Every stage with a latent, and noise between.
fn stages(latent: LatentUse) -> Vec<StageConfig> {
    vec![
        StageConfig::Motion { length: 5, latent },
        StageConfig::noise(0.1),
        StageConfig::Rays { rays: 8, latent },
        StageConfig::mask(0.4, latent),
        StageConfig::Jpeg {
            min: 0.2,
            max: 0.9,
            chroma: Chroma::Full,
            latent,
        },
        StageConfig::Photon { gain: 1.0 },
    ]
}

fn build(latent: LatentUse) -> Stages {
    Stages::new(&stages(latent), &layout(SHAPE), Device::Cpu).unwrap()
}

fn same(a: &Latent, b: &Latent) -> bool {
    a.good == b.good && a.vector == b.vector && a.planes == b.planes
}

#[test]
fn what_is_redrawn_and_then_kept_gives_the_same_observation() {
    let x = pictures(N, SHAPE);
    let (y, latent) = observe(&stages(LatentUse::Redrawn), SHAPE, &x, &clean(&x));
    let (again, kept) = observe(&stages(LatentUse::Kept), SHAPE, &x, &latent);
    assert!(apart(&y, &again) == 0.0 && same(&latent, &kept));
}

#[test]
fn kept_latents_come_with_the_observation_and_redrawn_ones_do_not_depend_on_it() {
    let x = pictures(N, SHAPE);
    let (_, recorded) = observe(&stages(LatentUse::Redrawn), SHAPE, &x, &clean(&x));
    let other = Rows::range(77, Purpose::Forward, 3, N, Device::Cpu);
    let (_, kept) = build(LatentUse::Kept)
        .observe(&x, &recorded, &other)
        .unwrap();
    assert!(same(&recorded, &kept));
    let redrawn = build(LatentUse::Redrawn);
    let (_, fresh) = redrawn.observe(&x, &recorded, &other).unwrap();
    assert!(!same(&recorded, &fresh));
    let (_, first) = redrawn.observe(&x, &clean(&x), &other).unwrap();
    assert!(same(&fresh, &first));
}

#[test]
fn hidden_latents_act_as_redrawn_ones_but_nothing_is_told() {
    let x = pictures(N, SHAPE);
    let (y, told) = observe(&stages(LatentUse::Redrawn), SHAPE, &x, &clean(&x));
    let (same, hidden) = observe(&stages(LatentUse::Hidden), SHAPE, &x, &clean(&x));
    assert_eq!(apart(&y, &same), 0.0);
    assert_eq!(
        (hidden.vector.size(), hidden.planes.size()),
        (vec![N, 0], vec![N, 0])
    );
    assert!(hidden.good.min().double_value(&[]) == 1.0 && told.good.min().double_value(&[]) == 0.0);
}

#[test]
fn the_widths_are_those_of_the_latents_in_the_order_of_the_stages() {
    let x = pictures(N, SHAPE);
    for (latent, widths) in [(LatentUse::Redrawn, (2, 1)), (LatentUse::Hidden, (0, 0))] {
        assert_eq!(build(latent).widths(), widths);
    }
    let (_, latent) = observe(&stages(LatentUse::Redrawn), SHAPE, &x, &clean(&x));
    assert_eq!(latent.vector.size(), [N, 2]);
    assert_eq!(latent.planes.size(), [N, 16 * 12]);
    // Direction first, then the quality in hundredths of 0.2..0.9.
    let (direction, quality) = (latent.vector.narrow(1, 0, 1), latent.vector.narrow(1, 1, 1));
    assert!(direction.min().double_value(&[]) < 0.2 && direction.max().double_value(&[]) < 1.0);
    let (low, high) = (
        quality.min().double_value(&[]),
        quality.max().double_value(&[]),
    );
    assert!((0.199..0.35).contains(&low) && (0.75..0.901).contains(&high));
    let whole = &quality * 100.0;
    assert!(apart(&whole, &whole.round()) < 1e-4);
}

#[test]
fn missing_pixels_of_the_data_stay_missing_unless_the_mask_is_redrawn() {
    let x = pictures(N, SHAPE);
    let mut recorded = clean(&x);
    recorded.good = pictures(N, SHAPE).gt(0.0).to_kind(Kind::Float);
    let mask = |latent| StageConfig::mask(0.4, latent);
    for stage in [
        mask(LatentUse::Kept),
        mask(LatentUse::Hidden),
        StageConfig::noise(0.1),
    ] {
        let (_, latent) = observe(&[stage], SHAPE, &x, &recorded);
        assert!(latent.good == recorded.good);
    }
    let (_, latent) = observe(&[mask(LatentUse::Redrawn)], SHAPE, &x, &recorded);
    assert!(latent.good != recorded.good);
}

#[test]
fn what_a_row_becomes_does_not_depend_on_its_batch() {
    let x = pictures(N, SHAPE);
    let model = build(LatentUse::Redrawn);
    let (y, latent) = model.observe(&x, &clean(&x), &rows(N)).unwrap();
    let some = Tensor::from_slice(&[31i64, 4, 17]);
    let part = x.index_select(0, &some);
    let random = Rows::new(5, Purpose::Forward, 0, &some);
    let (z, alone) = model.observe(&part, &clean(&part), &random).unwrap();
    assert!(same(&latent.select(&some), &alone));
    assert!(apart(&y.index_select(0, &some), &z) < 1e-5);
}

#[test]
fn a_stage_more_at_the_end_changes_no_draw_before_it() {
    let x = pictures(N, SHAPE);
    let mut list = stages(LatentUse::Redrawn);
    let (_, before) = observe(&list, SHAPE, &x, &clean(&x));
    list.push(StageConfig::noise(0.2));
    let (_, after) = observe(&list, SHAPE, &x, &clean(&x));
    assert!(same(&before, &after));
}

#[test]
fn two_stages_of_one_kind_draw_apart() {
    let x = Tensor::zeros([N, 576], (Kind::Float, Device::Cpu));
    let noise = StageConfig::noise(1.0);
    let (y, latent) = observe(&[noise.clone(), noise], SHAPE, &x, &clean(&x));
    assert!((image_batches::variance(&y) - 2.0).abs() < 0.1);
    assert!((image_batches::mean(&latent.sigma) - 2f64.sqrt()).abs() < 1e-6);
}

#[test]
fn latents_that_did_not_come_cannot_be_kept() {
    let x = pictures(N, SHAPE);
    let error = build(LatentUse::Kept)
        .observe(&x, &clean(&x), &rows(N))
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("the images come with 0 numbers and 0 planes and the stages have 2 and 1"),
        "{text}"
    );
    assert!(!text.contains('\n'));
}

#[test]
fn masks_are_told_once_and_stages_are_of_images() {
    let mask = |latent| StageConfig::mask(0.2, latent);
    let twice = [mask(LatentUse::Kept), mask(LatentUse::Redrawn)];
    assert!(Stages::new(&twice, &layout(SHAPE), Device::Cpu).is_err());
    let hidden = [mask(LatentUse::Kept), mask(LatentUse::Hidden)];
    assert!(Stages::new(&hidden, &layout(SHAPE), Device::Cpu).is_ok());
    let config = ForwardConfig::Stages {
        stages: stages(LatentUse::Kept),
        units: None,
    };
    let images = Layout::Images(layout(SHAPE));
    let built = forward::build(&config, &images, Device::Cpu).unwrap();
    assert_eq!(built.widths(), (2, 1));
    let grid = selfsi::data::LogGrid::new(&selfsi::config::GridConfig::default());
    let spectra = Layout::Spectra {
        noise_rho: vec![0.0; grid.pixels],
        grid,
    };
    assert!(forward::build(&config, &spectra, Device::Cpu).is_err());
}
