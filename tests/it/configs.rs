//! Every shipped config is one that a run can start with.

use selfsi::config::{Config, ForwardConfig, LatentUse, StageConfig};
use std::path::{Path, PathBuf};

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("survey_configs");
    let mut files: Vec<PathBuf> = [folder.clone(), folder.join("images")]
        .iter()
        .flat_map(|f| std::fs::read_dir(f).unwrap())
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_shipped_config_is_read_and_its_network_fits_its_data() {
    let files = shipped();
    assert!(files.len() > 20);
    for file in files {
        let config = Config::load(&file, &[]).unwrap_or_else(|e| panic!("{e}"));
        config
            .check_network_fits_grid(&file.display().to_string())
            .unwrap_or_else(|e| panic!("{e}"));
        let again = Config::parse(&config.to_toml().unwrap(), "resolved", &[]).unwrap();
        assert_eq!(again, config, "{}", file.display());
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|l| l.starts_with("#   selfsi")) {
            let named = line.split(' ').find(|w| w.starts_with("survey_configs/"));
            assert!(named.is_none_or(|n| file.ends_with(n)), "{line}");
        }
    }
}

#[test]
fn the_table_of_the_method_is_covered() {
    let stages: Vec<Vec<StageConfig>> = shipped()
        .iter()
        .filter_map(|f| match Config::load(f, &[]).unwrap().forward {
            ForwardConfig::Stages { stages, .. } => Some(stages),
            _ => None,
        })
        .collect();
    let has = |wanted: &[StageConfig]| {
        assert!(stages.iter().any(|s| s == wanted), "{wanted:?}");
    };
    let noise = |sigma| StageConfig::noise(sigma);
    let latent = LatentUse::Kept;
    for sigma in [1e-6, 0.1] {
        for rho in [0.25, 0.5, 0.75] {
            has(&[StageConfig::mask(rho, latent), noise(sigma)]);
        }
        for length in [5, 7, 9] {
            has(&[StageConfig::Motion { length, latent }, noise(sigma)]);
        }
    }
    let blur = || StageConfig::Blur { sigma: 1.0 };
    for sigma in [0.1, 0.25] {
        has(&[blur(), noise(sigma)]);
    }
    for rate in [0.1, 0.25, 0.5] {
        has(&[blur(), StageConfig::Poisson { rate }]);
    }
    let jpeg = |want: f64| {
        stages.iter().any(
            |s| matches!(s[0], StageConfig::Jpeg { min, max, .. } if min == 0.1 && max == want),
        )
    };
    assert!(jpeg(1.0) && jpeg(0.5));
    assert!(
        stages
            .iter()
            .any(|s| matches!(s[0], StageConfig::Rays { .. }))
    );
}
