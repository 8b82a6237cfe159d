import { expect, test } from "bun:test";
import { type Contact, createContact } from "./contact.ts";

test("it is told once when the server goes, and once when it comes back, with a new epoch", () => {
  let time = 1000;
  const contact = createContact(() => time);
  const told: Contact[] = [];
  const end = contact.subscribe((now) => told.push(now));
  contact.answered();
  contact.answered();
  time = 2000;
  contact.missed();
  time = 3000;
  contact.missed();
  expect(contact.current).toEqual({ state: "gone", since: 2000, epoch: 0, returns: 0 });
  contact.answered();
  expect(told.map(({ state, epoch }) => `${state} ${epoch}`)).toEqual(["here 0", "gone 0", "here 1"]);
  end();
  contact.missed();
  expect(told.length).toBe(3);
});

test("a server that never answered and then does is no return", () => {
  const contact = createContact(() => 0);
  expect(contact.current.state).toBe("new");
  contact.answered();
  expect(contact.current.epoch).toBe(0);
});

test("a change is a new epoch and no return", () => {
  const contact = createContact(() => 0);
  contact.answered();
  contact.changed();
  expect(contact.current).toEqual({ state: "here", since: 0, epoch: 1, returns: 0 });
});
