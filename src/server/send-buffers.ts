/**
 * Bounds what the kernel holds of responses that have not been sent: up to 4 MiB for each client that takes its bytes slowly, by
 * default, and a thousand of these take all of the memory that Linux has for TCP, which then drops packets of everybody
 * (measured). The listening socket hands the bound on to its connections (tcp(7), TCP_NOTSENT_LOWAT).
 */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { readdirSync, readlinkSync } from "node:fs";
import type { Logger } from "../lib/log.ts";

/** Enough to keep a line busy between two turns of the event loop: what is on its way to the client comes on top. */
export const MAX_UNSENT_BYTES = 256 * 1024;

/** Constants of Linux, the same for x86-64 and arm64. */
const [SOL_SOCKET, SO_ACCEPTCONN, SO_DOMAIN] = [1, 30, 39];
const [IPPROTO_TCP, TCP_NOTSENT_LOWAT] = [6, 25];
const IP_DOMAINS = new Set([2, 10]);

const ARGUMENTS = [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr];

function openLibrary() {
  // musl answers to this name, too.
  return dlopen("libc.so.6", {
    getsockopt: { args: [...ARGUMENTS, FFIType.ptr], returns: FFIType.i32 },
    setsockopt: { args: [...ARGUMENTS, FFIType.u32], returns: FFIType.i32 },
  }).symbols;
}

/** Returns the open descriptors that are sockets. */
function sockets(): readonly number[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:") ? [Number(fd)] : [];
    } catch {
      // It was the one that lists them.
      return [];
    }
  });
}

/** To be called when the server listens: sets the bound for all connections to come. Logs where the system does not let it. */
export function boundSendBuffers(log: Logger): void {
  try {
    const { getsockopt, setsockopt } = openLibrary();
    const option = (fd: number, name: number) => {
      const [value, length] = [new Int32Array([0]), new Uint32Array([4])];
      return getsockopt(fd, SOL_SOCKET, name, ptr(value), ptr(length)) === 0 ? value[0] : undefined;
    };
    const listening = sockets().filter(
      (fd) => option(fd, SO_ACCEPTCONN) === 1 && IP_DOMAINS.has(option(fd, SO_DOMAIN) ?? 0),
    );
    const bound = ptr(new Uint32Array([MAX_UNSENT_BYTES]));
    const refused = listening.filter((fd) => setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, bound, 4) !== 0);
    if (listening.length === 0 || refused.length > 0)
      log.debug("The kernel does not bound what it holds for slow clients");
  } catch (error) {
    log.debug("The kernel does not bound what it holds for slow clients: {error}", { error });
  }
}
