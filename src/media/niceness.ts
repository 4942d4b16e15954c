/**
 * Decoding gives way to calls: to their sockets, and to recognition, which has 5.
 */
import os from "node:os";

const NICENESS = 10;

/** Lowers the priority of a process, or on Linux of the calling thread. Where that is not permitted it competes. */
export function beNice(pid = 0): void {
  try {
    os.setPriority(pid, NICENESS);
  } catch {
    // A process that is gone already, or a system that does not let us.
  }
}
