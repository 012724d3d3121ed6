//! The scenarios in which a cluster lives, from their command lines.

use std::process::ExitCode;

use albedo_loadtest::cli::live::{ChurnArgs, RefreshStormArgs, SlowReaderArgs, SoakArgs};
use albedo_loadtest::scenario::{churn, refresh_storm, slow_reader, soak};
use anyhow::Error;

use crate::repeat_with;

pub(crate) fn churn(args: &ChurnArgs) -> anyhow::Result<ExitCode> {
    let (shape, common) = (args.shape().map_err(Error::msg)?, &args.live.common);
    repeat_with("churn", common, || {
        let settings = common.settings(shape.cluster.families());
        Ok((Vec::new(), churn::run(settings, &shape, args.change, &common.conduct())?))
    })
}

pub(crate) fn slow_reader(args: &SlowReaderArgs) -> anyhow::Result<ExitCode> {
    let common = &args.live.common;
    let (shape, slow) = args.shape().map_err(Error::msg)?;
    repeat_with("slow-reader", common, || {
        let settings = common.settings(shape.cluster.families());
        Ok((Vec::new(), slow_reader::run(settings, &shape, slow, &common.conduct())?))
    })
}

pub(crate) fn refresh_storm(args: &RefreshStormArgs) -> anyhow::Result<ExitCode> {
    let (shape, common) = (args.shape().map_err(Error::msg)?, &args.live.common);
    repeat_with("refresh-storm", common, || {
        let settings = common.settings(shape.cluster.families());
        Ok((Vec::new(), refresh_storm::run(settings, &shape, args.storms, &common.conduct())?))
    })
}

pub(crate) fn soak(args: &SoakArgs) -> anyhow::Result<ExitCode> {
    let common = &args.live.common;
    let (shape, weights) = args.shape().map_err(Error::msg)?;
    repeat_with("soak", common, || {
        let settings = common.settings(shape.cluster.families());
        let every = args.check_every;
        Ok((Vec::new(), soak::run(settings, &shape, weights, every, &common.conduct())?))
    })
}
