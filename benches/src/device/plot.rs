//! The measured updates as a picture.

use plotters::prelude::*;

use super::grid::{CHUNKS, Chip, Measured};
use super::update::{Erasing, Policy};

const SIZE: (u32, u32) = (1000, 420);
const FONT: &str = "sans-serif";

const BOUND: RGBColor = RGBColor(0x99, 0x99, 0x99);
/// Colours that differ for the colour-blind, too (Okabe and Ito).
const COLOURS: [(Erasing, RGBColor); 3] = [
    (Erasing::UpFront, RGBColor(0x00, 0x72, 0xB2)),
    (Erasing::ByBlock, RGBColor(0x00, 0x9E, 0x73)),
    (Erasing::Sequential, RGBColor(0xD5, 0x5E, 0x00)),
];

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// An SVG document: on the left what the bytes per write make of it, on the right every chip.
///
/// # Errors
///
/// The picture cannot be drawn.
pub fn plot(chips: &[Chip]) -> Result<String, Box<dyn std::error::Error>> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (left, right) = root.split_horizontally(470);
        by_chunk(&left, chips)?;
        by_chip(&right, chips)?;
        root.present()?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// The rate on one chip by the bytes per write.
fn by_chunk(area: &Area<'_>, chips: &[Chip]) -> Drawn {
    let Some((len, Some(bound), all)) = chips.first().and_then(|chip| chip.sizes.last()) else {
        return Ok(());
    };
    let most = rate(*len, bound.total());
    let last = CHUNKS.len() - 1;
    let mut chart = ChartBuilder::on(area)
        .caption("1 MiB on w25q64jv, hardened", (FONT, 16))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(52)
        .build_cartesian_2d(-0.3..8.3, 0.0..300.0)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .x_labels(CHUNKS.len())
        .x_label_formatter(&|at| chunk_label(*at))
        .x_desc("bytes per write")
        .y_label_formatter(&|rate| format!("{rate:.0}"))
        .y_desc("KiB/s")
        .label_style((FONT, 13))
        .draw()?;
    let ends = [(-0.3, most), (8.3, most)];
    chart
        .draw_series(DashedLineSeries::new(ends, 6, 4, BOUND.stroke_width(2)))?
        .label("bound")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], BOUND.stroke_width(2)));
    for (erasing, colour) in COLOURS {
        let points: Vec<_> = (0..=last)
            .filter_map(|at| {
                Some((
                    f64::from(u32::try_from(at).ok()?),
                    rate_of(all, erasing, CHUNKS[at])?,
                ))
            })
            .collect();
        // Where two lie on each other, both show: the first as a wide line.
        let (wide, radius) = if erasing == Erasing::UpFront {
            (5, 0)
        } else {
            (2, 4)
        };
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(wide)).point_size(radius))?
            .label(erasing.name())
            .legend(move |(x, y)| {
                PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(wide))
            });
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::MiddleLeft)
        .label_font((FONT, 13))
        .border_style(BOUND)
        .background_style(WHITE)
        .draw()?;
    Ok(())
}

/// The rate on every chip, as bars.
fn by_chip(area: &Area<'_>, chips: &[Chip]) -> Drawn {
    let count = u32::try_from(chips.len())?;
    let mut chart = ChartBuilder::on(area)
        .caption(
            "256 KiB on every chip, hardened, 4 KiB per write",
            (FONT, 16),
        )
        .margin(12)
        .margin_right(24)
        .x_label_area_size(42)
        .y_label_area_size(146)
        .build_cartesian_2d(0.0..300.0, f64::from(count)..0.0)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .y_labels(0)
        .x_label_formatter(&|rate| format!("{rate:.0}"))
        .x_desc("KiB/s; grey: bound")
        .label_style((FONT, 13))
        .draw()?;
    for (row, chip) in (0u32..).zip(chips) {
        let top = f64::from(row);
        let Some((len, Some(bound), all)) = chip.sizes.get(1) else {
            continue;
        };
        let bound = [(0.12, 0.34, Some(rate(*len, bound.total())), BOUND)];
        let places = COLOURS.into_iter().zip([0.34, 0.53, 0.72]);
        let measured = places
            .map(|((erasing, colour), at)| (at, at + 0.17, rate_of(all, erasing, 4096), colour));
        chart.draw_series(
            bound
                .into_iter()
                .chain(measured)
                .map(|(from, to, rate, colour)| {
                    let corners = [(0.0, top + from), (rate.unwrap_or(0.0), top + to)];
                    Rectangle::new(corners, colour.filled())
                }),
        )?;
        let style = (FONT, 13).into_font().color(&BLACK);
        let place = chart.backend_coord(&(0.0, top + 0.5));
        let name = if has(all, Policy::Hardened) {
            chip.name.clone()
        } else {
            format!("{} (stock only)", chip.name)
        };
        let (x, y) = area.get_base_pixel();
        let style = style.pos(plotters::style::text_anchor::Pos::new(
            plotters::style::text_anchor::HPos::Right,
            plotters::style::text_anchor::VPos::Center,
        ));
        area.draw(&Text::new(name, (place.0 - x - 6, place.1 - y), style))?;
    }
    Ok(())
}

fn has(all: &[Measured], policy: Policy) -> bool {
    let mut all = all.iter();
    all.any(|measured| measured.case.policy == policy && measured.cost.is_ok())
}

/// The rate of the hardened policy, of the stock one where that alone can be had.
fn rate_of(all: &[Measured], erasing: Erasing, chunk: u32) -> Option<f64> {
    let of = |policy| {
        let found = all.iter().find(|measured| {
            let case = measured.case;
            (case.policy, case.erasing, case.chunk) == (policy, erasing, chunk)
        });
        let cost = found?.cost.as_ref().ok()?;
        Some(rate(found?.case.len, cost.time()))
    };
    of(Policy::Hardened).or_else(|| of(Policy::Stock))
}

#[allow(clippy::cast_precision_loss)] // far below 2^52 ns
fn rate(len: u32, nanoseconds: u64) -> f64 {
    f64::from(len >> 10) / (nanoseconds as f64 / 1e9)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a small index
fn chunk_label(at: f64) -> String {
    let label = CHUNKS.get(at.round() as usize);
    label.map_or_else(String::new, |chunk| match chunk {
        0..1024 => format!("{chunk} B"),
        _ => format!("{} K", chunk >> 10),
    })
}
