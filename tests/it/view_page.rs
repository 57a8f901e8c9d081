//! The page of `selfsi view` in a browser: it loads without an error, a click shows another object, filters
//! filter. Without Chromium these tests skip, with a word.

use crate::fixtures::browser::Browser;
use crate::fixtures::run_folder::selfsi;
use crate::fixtures::viewed::{DOUBTED, N, NAMES, Viewed};
use crate::view::image_page;
use std::collections::HashSet;

fn open(viewed: &Viewed, fragment: &str) -> Option<Browser> {
    let out = viewed.path("page.html");
    let truth = viewed.path("truth.h5");
    let mut command = selfsi();
    command
        .arg("view")
        .arg(viewed.folder())
        .arg("--truth")
        .arg(truth);
    command.arg("--out").arg(&out).assert().success();
    Browser::open(&(Browser::address(&out) + fragment))
}

/// How many colours a PNG has: a page without a plot has few.
fn colours(picture: &[u8]) -> usize {
    let mut reader = png::Decoder::new(std::io::Cursor::new(picture))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let step = info.color_type.samples();
    pixels.chunks(step).collect::<HashSet<_>>().len()
}

const VISIBLE: &str = "[...document.querySelectorAll('tbody tr[data-row]')].filter(r => !r.hidden).map(r => +r.dataset.row)";
const NAME: &str = "document.getElementById('name').textContent";

#[test]
fn a_click_or_a_key_shows_another_object() {
    let viewed = Viewed::new();
    let Some(mut page) = open(&viewed, "") else {
        return;
    };
    assert_eq!(page.value(NAME), NAMES[0]);
    let first = page.picture();
    assert!(colours(&first) > 50, "{} colours", colours(&first));
    let curve = "view.u.data[view.names.indexOf('restored') + 1]";
    assert_eq!(
        page.value(&format!("{curve}[7]")),
        f64::from(Viewed::block().restored[[0, 7]])
    );

    page.click("tr[data-row='1'] td");
    assert_eq!(
        page.value(NAME),
        NAMES[1],
        "a name is a text, whatever it holds"
    );
    assert_eq!(
        page.value(&format!("{curve}[7]")),
        f64::from(Viewed::block().restored[[1, 7]])
    );
    assert!(page.picture() != first);
    assert_eq!(
        page.value("decodeURIComponent(location.hash.slice(1))"),
        NAMES[1]
    );
    page.press("n");
    assert_eq!(page.value(NAME), NAMES[2]);
    page.press("n");
    assert_eq!(page.value(NAME), "flagged");
    assert_eq!(page.value(&format!("{curve}.every(v => v === null)")), true);
    page.press("p");
    assert_eq!(page.value(NAME), NAMES[2]);
    page.value("location.hash = '#last'");
    page.value("new Promise(done => setTimeout(done, 50))");
    assert_eq!(page.value(NAME), "last");
    assert_eq!(page.problems, Vec::<String>::new());
}

#[test]
fn the_address_chooses_an_object() {
    let viewed = Viewed::new();
    let fragment = "#a%20%22quoted%22%20%26%20'b'%20%3Cb%3E";
    let Some(mut page) = open(&viewed, fragment) else {
        return;
    };
    assert_eq!(page.value(NAME), NAMES[2]);
}

#[test]
fn the_table_filters_and_sorts() {
    let viewed = Viewed::new();
    let Some(mut page) = open(&viewed, "") else {
        return;
    };
    let mut filtered = |column: &str, text: &str| {
        page.write(&format!("thead input[data-key='{column}']"), text);
        let found = page.value(VISIBLE);
        page.click("#clear");
        found
    };
    assert_eq!(filtered("z", ">2.55 <2.85"), serde_json::json!([1, 2, 3]));
    assert_eq!(filtered("z", "2.8.."), serde_json::json!([3, 4]));
    assert_eq!(filtered("name", "QUOTED"), serde_json::json!([2]));
    assert_eq!(filtered("flag", "!ok"), serde_json::json!([3]));
    assert_eq!(filtered("line0", "13..14"), serde_json::json!([3, 4]));
    assert_eq!(filtered("CONTRADICTED", ">0"), serde_json::json!([DOUBTED]));
    assert_eq!(
        filtered("z", "what"),
        serde_json::json!([0, 1, 2, 3, 4, 5]),
        "not understood: no filter"
    );
    page.value("document.getElementById('kind').value = 'flagged'; document.getElementById('kind').dispatchEvent(new Event('change'))");
    assert_eq!(page.value(VISIBLE), serde_json::json!([1, 3]));
    page.click("#clear");

    page.click("th[data-key='z']");
    page.click("th[data-key='z']");
    let sorted = page.value("JSON.stringify(table.sorted)");
    assert_eq!(sorted, r#"{"column":"z","up":false}"#);
    // Downwards; the object without a redshift is last in both directions.
    assert_eq!(page.value(VISIBLE), serde_json::json!([4, 3, 2, 1, 0, 5]));
    assert_eq!(page.problems, Vec::<String>::new());
}

#[test]
fn the_plot_zooms_smooths_and_tells_values() {
    let viewed = Viewed::new();
    let Some(mut page) = open(&viewed, "") else {
        return;
    };
    let range = "[view.u.scales.x.min, view.u.scales.x.max]";
    let all = page.value(range);
    page.press("+");
    assert!(page.value(range) != all);
    // To hide a curve changes no range.
    let fluxes = "[view.u.scales.y.min, view.u.scales.y.max]";
    let before = page.value(fluxes);
    page.click("[data-curve='observed']");
    assert_eq!(page.value(fluxes), before);
    let drawn = "view.u.series[view.names.indexOf('Q84') + 1].show";
    assert_eq!(page.value(drawn), false);
    page.click("[data-curve='quantiles']");
    assert_eq!(page.value(drawn), true);
    page.press("r");
    assert_eq!(page.value(range), all);

    page.point(".plot .u-over", 0.5, 0.5);
    let told = page.value("document.getElementById('readout').textContent");
    let told = told.as_str().unwrap();
    assert!(
        ["rest", "observed", "restored", "truth"]
            .iter()
            .all(|w| told.contains(w)),
        "{told}"
    );

    // The mean of all pixels, weighted by ivar: masked ones count for nothing.
    let soft =
        page.value("smoothed(new Float32Array([1, 50, 3]), new Float32Array([1, 0, 1]), 1e6)");
    let [value, noise] = ["value", "noise"].map(|k| soft[k][0].as_f64().unwrap());
    assert!((value - 2.0).abs() < 1e-6 && (noise - 0.5f64.sqrt()).abs() < 1e-6);
    assert!(soft["value"][1].is_null());
    assert_eq!(page.value("JSON.stringify(view.masked)"), "[[3,4]]");
    page.value("document.getElementById('smoothing').value = 4; document.getElementById('smoothing').dispatchEvent(new Event('input'))");
    assert!(page.value("view.sets.noise[30]").as_f64().unwrap() < 0.4 * 0.4);
    assert_eq!(page.problems, Vec::<String>::new());
}

#[test]
fn the_second_tab_shows_the_run() {
    let viewed = Viewed::new();
    let Some(mut page) = open(&viewed, "") else {
        return;
    };
    page.click("#tab-run");
    let charts =
        page.value("[...document.querySelectorAll('#run [data-chart]')].map(c => c.dataset.chart)");
    let charts: Vec<&str> = charts
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c.as_str().unwrap())
        .collect();
    assert_eq!(
        charts,
        ["loss", "learning rate", "Mean", "Scatter over objects"]
    );
    assert!(colours(&page.picture()) > 50);
    page.click("#tab-objects");
    assert_eq!(page.value("document.getElementById('run').hidden"), true);
    assert_eq!(page.problems, Vec::<String>::new());
}

#[test]
fn images_tell_the_values_under_the_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut page) = Browser::open(&Browser::address(&image_page(folder.path()))) else {
        return;
    };
    assert_eq!(
        page.value("document.querySelectorAll('.sheet .line[data-row]').length"),
        3
    );
    page.click("tr[data-row='2'] td");
    assert_eq!(page.value(NAME), "galaxy <2> é");
    // Row 1, column 4 of both channels.
    page.point(".panels canvas[data-array='RESTORED']", 0.95, 0.5);
    let told = page.value("document.getElementById('readout').textContent");
    let told = told.as_str().unwrap();
    assert!(
        told.contains("row 1, column 4 [nJy]")
            && told.contains("restored g (nJy) 169.0, r (nJy) 184.0"),
        "{told}"
    );
    page.write("thead input[data-key='flag']", "lost");
    assert_eq!(
        page.value("document.querySelectorAll('.sheet .line[data-row]').length"),
        1
    );
    assert!(colours(&page.picture()) > 20);
    assert_eq!(page.problems, Vec::<String>::new());
}

#[test]
fn objects_of_one_name_and_of_none_have_their_rows_as_addresses() {
    let viewed = Viewed::new();
    let Some(mut page) = open(&viewed, "#row:4") else {
        return;
    };
    assert_eq!(page.value("content.objects.length"), N);
    assert_eq!(
        page.value("[keyOf({name: '', row: 7}), keyOf(content.objects[0])]"),
        serde_json::json!(["row:7", "plain"])
    );
    assert_eq!(
        page.value(NAME),
        NAMES[0],
        "an address that is none on this page shows the first object"
    );
}
