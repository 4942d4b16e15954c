/**
 * A server in a process of its own, to be killed: takes its settings as JSON from the command line.
 *
 * Prints `listening URL` when it takes calls; log lines go to stderr. SIGTERM stops it in order.
 */
import { loadConfig } from "../../src/app/config.ts";
import { createLogger } from "../../src/app/logger.ts";
import { startServer } from "../../src/app/server.ts";
import { DEFAULT_SCHEDULE, scaleSchedule } from "../../src/delivery/schedule.ts";
import type { ChildSettings } from "./server-child.ts";

const { settings, callLimits, scheduleFactor } = JSON.parse(process.argv[2] ?? "{}") as ChildSettings;
const config = loadConfig({ file: null, environment: {}, overrides: settings });
const logger = createLogger(config.logLevel, process.stderr);
const server = await startServer({
  config,
  logger,
  callLimits,
  schedule: scaleSchedule(DEFAULT_SCHEDULE, scheduleFactor),
});
process.once("SIGTERM", () => void server.stop().then(() => process.exit(0)));
console.log(`listening ${server.url}`);
