//! The scenarios in which a cluster lives, from their command lines.

use std::process::ExitCode;

use albedo_loadtest::campaign::repeat;
use albedo_loadtest::cli::live::{ChurnArgs, RefreshStormArgs, SlowReaderArgs, SoakArgs};
use albedo_loadtest::scenario::{churn, refresh_storm, slow_reader, soak};
use anyhow::Error;

pub(crate) fn churn(args: &ChurnArgs) -> anyhow::Result<ExitCode> {
    let (shape, common) = (args.shape().map_err(Error::msg)?, &args.live.common);
    repeat("churn", common, || {
        let settings = common.settings(&shape.cluster.families());
        Ok(churn::run(settings, &shape, args.change, &common.conduct())?)
    })
}

pub(crate) fn slow_reader(args: &SlowReaderArgs) -> anyhow::Result<ExitCode> {
    let common = &args.live.common;
    let (shape, slow) = args.shape().map_err(Error::msg)?;
    repeat("slow-reader", common, || {
        let settings = common.settings(&shape.cluster.families());
        Ok(slow_reader::run(settings, &shape, slow, &common.conduct())?)
    })
}

pub(crate) fn refresh_storm(args: &RefreshStormArgs) -> anyhow::Result<ExitCode> {
    let (shape, common) = (args.shape().map_err(Error::msg)?, &args.live.common);
    repeat("refresh-storm", common, || {
        let settings = common.settings(&shape.cluster.families());
        Ok(refresh_storm::run(settings, &shape, args.storms, &common.conduct())?)
    })
}

pub(crate) fn soak(args: &SoakArgs) -> anyhow::Result<ExitCode> {
    let common = &args.live.common;
    let (shape, weights) = args.shape().map_err(Error::msg)?;
    repeat("soak", common, || {
        let settings = common.settings(&shape.cluster.families());
        Ok(soak::run(settings, &shape, weights, args.check_every, &common.conduct())?)
    })
}
