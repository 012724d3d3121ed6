//! The scenarios in which sessions end and return, from their command lines.

use std::process::ExitCode;

use albedo_loadtest::campaign::repeat;
use albedo_loadtest::cli::restart::{
    ReflectorRestartArgs, RollingArgs, SourceLossArgs, TwoReflectorsArgs,
};
use albedo_loadtest::prefix::Family;
use anyhow::{Error, bail};

use crate::table_plan;

pub(crate) fn source_loss(args: &SourceLossArgs) -> anyhow::Result<ExitCode> {
    let (scenario, common) = (args.scenario(), &args.table.common);
    let shape = args.table.shape().map_err(Error::msg)?;
    scenario.check(common.hold_time, common.timeout).map_err(Error::msg)?;
    repeat("source-loss", common, || {
        let (settings, plan) = (common.settings(&[Family::V4]), table_plan(&args.table, &shape)?);
        Ok(scenario.run(settings, plan, &common.conduct())?)
    })
}

pub(crate) fn rolling(args: &RollingArgs) -> anyhow::Result<ExitCode> {
    let (scenario, common) = (args.scenario(), &args.cluster.common);
    let (shape, start) = (args.cluster.shape().map_err(Error::msg)?, args.cluster.start());
    scenario.check(shape.nodes).map_err(Error::msg)?;
    repeat("rolling-restart", common, || {
        let settings = common.settings(&shape.families());
        Ok(scenario.run(settings, &shape, start, &common.conduct())?)
    })
}

pub(crate) fn reflector_restart(args: &ReflectorRestartArgs) -> anyhow::Result<ExitCode> {
    let (scenario, common) = (args.scenario(), &args.cluster.common);
    let shape = args.cluster.shape().map_err(Error::msg)?;
    scenario.check(common.timeout).map_err(Error::msg)?;
    if args.cluster.synchronised {
        bail!("--synchronised: after the drop each node announces when it has returned");
    }
    let mut process = args.process().map_err(Error::msg)?;
    let mut conduct = common.conduct();
    if process.is_some() {
        // The process that is there will not be; the new one's usage is told.
        conduct.pids.clear();
    }
    repeat("reflector-restart", common, || {
        let settings = common.settings(&shape.families());
        let plan = shape.plan(args.cluster.start());
        Ok(scenario.run(settings, plan, &conduct, process.as_mut())?)
    })
}

pub(crate) fn two_reflectors(args: &TwoReflectorsArgs) -> anyhow::Result<ExitCode> {
    let common = &args.cluster.common;
    let (shape, start) = (args.cluster.shape().map_err(Error::msg)?, args.cluster.start());
    let scenario = args.scenario().map_err(Error::msg)?;
    scenario.check(common.target, common.repeat).map_err(Error::msg)?;
    let mut conduct = common.conduct();
    // The first one's process may be gone in the end: only the survivor's usage is told.
    conduct.pids.remove(0);
    repeat("two-reflectors", common, || {
        let settings = common.settings(&shape.families());
        Ok(scenario.run(settings, &shape, start, &conduct)?)
    })
}
