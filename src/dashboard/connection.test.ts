import { expect, test } from "bun:test";
import { createConnectionMonitor, type ServerConnection } from "./connection.ts";

test("listeners are called once when the server goes away and once when it returns, with a new epoch", () => {
  let time = 1000;
  const monitor = createConnectionMonitor(() => time);
  const seen: ServerConnection[] = [];
  const unsubscribe = monitor.subscribe((connection) => seen.push(connection));
  monitor.succeeded();
  monitor.succeeded();
  time = 2000;
  monitor.failed();
  time = 3000;
  monitor.failed();
  expect(monitor.current).toEqual({ state: "offline", since: 2000, epoch: 0, reconnects: 0 });
  monitor.succeeded();
  expect(seen.map(({ state, epoch }) => `${state} ${epoch}`)).toEqual(["online 0", "offline 0", "online 1"]);
  unsubscribe();
  monitor.failed();
  expect(seen.length).toBe(3);
});

test("the first response of a server is not a reconnect", () => {
  const monitor = createConnectionMonitor(() => 0);
  expect(monitor.current.state).toBe("connecting");
  monitor.succeeded();
  expect(monitor.current.epoch).toBe(0);
});

test("a refresh is a new epoch but not a reconnect", () => {
  const monitor = createConnectionMonitor(() => 0);
  monitor.succeeded();
  monitor.refresh();
  expect(monitor.current).toEqual({ state: "online", since: 0, epoch: 1, reconnects: 0 });
});
