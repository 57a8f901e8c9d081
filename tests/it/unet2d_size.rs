//! The size of the network for images: that of the paper, counted layer by layer, and the shapes
//! it can take.

use selfsi::config::{Config, UNet2dConfig};
use selfsi::data::{ImageLayout, PixelScale};
use selfsi::nets::{UNet2d, VelocityField};
use tch::Device;

fn layout(vector: usize, planes: usize) -> ImageLayout {
    ImageLayout {
        channels: 3,
        height: 32,
        width: 32,
        scale: PixelScale {
            softening: None,
            mean: vec![0.0; 3],
            std: vec![1.0; 3],
        },
        vector,
        planes,
        psf: 0,
    }
}

fn conv(inputs: i64, outputs: i64, kernel: i64) -> i64 {
    outputs * inputs * kernel * kernel + outputs
}

/// The numbers of a residual block: two norms, two convolutions, scale and shift, skip, attention.
fn block(inputs: i64, outputs: i64, embedding: i64, attention: bool) -> i64 {
    let skip = if inputs == outputs {
        0
    } else {
        conv(inputs, outputs, 1)
    };
    let attend = 2 * outputs + conv(outputs, 3 * outputs, 1) + conv(outputs, outputs, 1);
    2 * inputs
        + conv(inputs, outputs, 3)
        + 2 * outputs * (embedding + 1)
        + 2 * outputs
        + conv(outputs, outputs, 3)
        + skip
        + i64::from(attention) * attend
}

/// The numbers of the network for 3 × 32 × 32, layer by layer.
fn by_hand(c: i64) -> i64 {
    let e = 4 * c;
    // Levels 32², 16², 8² with attention, 4² without.
    let level = |outputs: i64, attention: bool| move |inputs| block(inputs, outputs, e, attention);
    let (l1, l2, l3, l4) = (
        level(c, true),
        level(2 * c, true),
        level(3 * c, true),
        level(4 * c, false),
    );
    let halve_or_double = |c: i64| block(c, c, e, false);
    let time = (c + 1) * e + (e + 1) * e;
    let down = conv(3, c, 3)
        + 3 * l1(c)
        + halve_or_double(c)
        + l2(c)
        + 2 * l2(2 * c)
        + halve_or_double(2 * c)
        + l3(2 * c)
        + 2 * l3(3 * c)
        + halve_or_double(3 * c)
        + l4(3 * c)
        + 2 * l4(4 * c);
    let middle = block(4 * c, 4 * c, e, true) + block(4 * c, 4 * c, e, false);
    // Each block's own input and what the way down left: three blocks and the halving (or the
    // first convolution) of its level.
    let up = 3 * l4(4 * c + 4 * c)
        + l4(4 * c + 3 * c)
        + halve_or_double(4 * c)
        + l3(4 * c + 3 * c)
        + 2 * l3(3 * c + 3 * c)
        + l3(3 * c + 2 * c)
        + halve_or_double(3 * c)
        + l2(3 * c + 2 * c)
        + 2 * l2(2 * c + 2 * c)
        + l2(2 * c + c)
        + halve_or_double(2 * c)
        + l1(2 * c + c)
        + 3 * l1(c + c);
    time + down + middle + up + 2 * c + conv(c, 3, 3)
}

#[test]
fn the_size_is_that_of_the_source() {
    let count = |channels, mask_input, vector, planes| {
        let config = UNet2dConfig {
            channels,
            mask_input,
            ..UNet2dConfig::default()
        };
        let image = layout(vector, planes);
        let net = UNet2d::new(&config, &image, 1, UNet2d::INTERPOLANT, 1, Device::Cpu);
        net.params().count() as i64
    };
    assert_eq!((by_hand(64), by_hand(96)), (31_120_899, 69_964_035));
    assert_eq!(count(64, false, 0, 0), 31_120_899);
    assert_eq!(count(96, false, 0, 0), 69_964_035);
    assert_eq!(count(64, true, 0, 0), 31_120_899 + 1_929);
    assert_eq!(count(64, false, 1, 0), 31_120_899 + 131_328);
    // One encoder serves the mask and the planes: a plane more is 8 kernels more.
    assert_eq!(count(64, true, 0, 1), 31_120_899 + 1_929 + 72);
    assert_eq!(count(64, false, 0, 1), 31_120_899 + 1_929);
}

#[test]
fn a_shape_the_network_cannot_run_on_is_refused_with_the_heights_it_has() {
    const IMAGES: &str = r#"
        image = { channels = 1, height = 28, width = 28 }
        survey = { prepared = "set.h5", source = { kind = "images", path = "images" } }
        normalise = { kind = "pixels" }
        forward = { kind = "gaussian", sigma = 0.5 }
        train = { warm_start = 0 }
    "#;
    let fits = |overrides: &[&str]| {
        let o: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
        let config = Config::parse(IMAGES, "t", &o).unwrap();
        config
            .check_network_fits_grid("t")
            .map_err(|e| e.to_string())
    };
    let three = "network.multipliers=[1, 2, 3]";
    assert!(fits(&[]).unwrap_err().contains("network.multipliers"));
    let e = fits(&[three]).unwrap_err();
    assert!(
        e.contains("network.attention") && e.contains("[28, 14, 7]"),
        "{e}"
    );
    fits(&[three, "network.attention=[14, 7]"]).unwrap();
    fits(&[three, "network.attention=[]"]).unwrap();
}
