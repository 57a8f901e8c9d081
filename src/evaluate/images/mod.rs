//! Metrics of restored images against a known truth, and the classical methods that they are
//! compared with.
//!
//! Rows are whole images [N, D], D = C · H · W, channel by channel.

mod baselines;
mod calibration;
mod fid;
mod files;
mod fourier;
mod inpaint;
mod lpips;
mod measure;
mod network;
mod pixels;
mod psnr;
mod response;
mod result;
mod richardson_lucy;
mod run;
mod sampling;
mod scored;
mod shape_errors;
mod ssim;
mod table;
mod wiener;

pub use baselines::{Restored, Task, baselines, filter};
pub use fid::{Features, frechet_distance};
pub use fourier::Mirrored;
pub use inpaint::{Smoothness, inpaint};
pub use lpips::Lpips;
pub use measure::Reference;
pub use psnr::{DataRange, mean_square_errors, psnr};
pub use response::{Response, Responses, Told};
pub use result::{ImageEvaluation, ImageKind, ImageRow, Statistic};
pub use richardson_lucy::RichardsonLucy;
pub use run::{Networks, evaluate_images};
pub use shape_errors::{CatalogShapes, ShapeErrors, TrueShapes};
pub use ssim::ssim;
pub use table::{markdown, text};
pub use wiener::Wiener;
