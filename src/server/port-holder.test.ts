import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { portHolder } from "./port-holder.ts";

test("the process that listens on a port is named, whatever the address; nobody on a free one", () => {
  for (const hostname of ["127.0.0.1", "::1"]) {
    const server = Bun.listen({ hostname, port: 0, socket: { data: () => undefined } });
    const name = readFileSync("/proc/self/comm", "utf8").trim();
    expect(portHolder(server.port)).toBe(`${name} (process ${process.pid})`);
    server.stop(true);
    expect(portHolder(server.port)).toBeUndefined();
  }
});
