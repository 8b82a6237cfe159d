import { expect, test } from "bun:test";
import fc from "fast-check";
import { createHeap } from "./heap.ts";

interface Item {
  readonly rank: number;
}

test("items leave in order, whichever were removed from the middle", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 60 }), fc.array(fc.nat(59), { maxLength: 30 }), (ranks, removed) => {
      const items: Item[] = ranks.map((rank) => ({ rank }));
      const heap = createHeap<Item>((a, b) => a.rank - b.rank);
      for (const item of items) heap.add(item);
      const left = new Set(items);
      for (const index of removed) {
        const item = items[index];
        if (item) expect(heap.delete(item)).toBe(left.delete(item));
      }
      const order: number[] = [];
      for (let { first } = heap; first; { first } = heap) {
        order.push(first.rank);
        heap.delete(first);
      }
      expect(order).toEqual([...left].map(({ rank }) => rank).toSorted((a, b) => a - b));
      expect(heap.size).toBe(0);
    }),
  );
});
