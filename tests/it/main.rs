//! The integration tests, one program: what one makes for all (fixtures/) is made once.
//!
//! `cargo test --release --test it trainer::` runs those of trainer.rs. They run beside each other in one
//! process: a test changes neither its environment nor its folder, and leaves signals and limits to the
//! commands it starts. One that needs a process of its own asks for it (`fixtures::alone`).

mod fixtures;

mod audit;
mod baselines;
mod bit_flips;
mod calibration;
mod calibration_run;
mod cases;
mod cases_refused;
mod catalogs;
mod channel;
mod clean;
mod command;
mod command_run;
mod configs;
mod corrupted;
mod desi;
mod desi_forms;
mod desi_restored;
mod diagnose;
mod diagnose_run;
mod diffusion;
mod evaluate;
mod evaluate_images;
mod evaluate_run;
mod faults;
mod floors;
mod fokkerplanck;
mod formats;
mod full_disk;
mod fuzz;
mod gaps;
mod generate;
mod hdf5_survey;
mod image_channels;
mod image_channels_python;
mod image_configs;
mod image_latents;
mod image_metrics;
mod image_shards;
mod images;
mod known_answers;
mod lines;
mod memory;
mod mock;
mod network;
mod plate;
mod plot;
mod readers;
mod real;
mod redshift;
mod regrid;
mod rest_frame;
mod restored;
mod restored_images;
mod restored_python;
mod sdss_forms;
mod shards;
mod signals;
mod simulate;
mod smoothing;
mod streamed;
mod sure;
mod theory;
mod toy;
mod traced;
mod trainer;
mod transfers;
mod unet2d;
mod unet2d_size;
mod vanished;
mod warm_start;
