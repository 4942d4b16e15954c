/**
 * Work that blocks gives way to the sockets.
 */
import os from "node:os";

/**
 * Sets the niceness of a process, 0..19, or by default that of the calling thread: on Linux threads that it starts later inherit
 * it. Where that is not permitted, the work competes on equal terms.
 */
export function setNiceness(niceness: number, pid = 0): void {
  try {
    os.setPriority(pid, niceness);
  } catch {
    // A process that is gone already, or a system that does not let us.
  }
}
