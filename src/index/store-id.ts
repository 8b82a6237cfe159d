/**
 * Gives the name of a store in Via (RFC 9110, section 7.6.3) and CDN-Loop (RFC 8586): drawn once, kept in the index,
 * so that two portcaches in one chain never take each other for themselves.
 */
import { randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import type { IndexDatabase } from "./open.ts";
import { settings } from "./schema.ts";

export function storeId(db: IndexDatabase): string {
  const drawn = { key: "id", value: `portcache-${randomBytes(8).toString("hex")}` };
  db.insert(settings).values(drawn).onConflictDoNothing().run();
  return db.select().from(settings).where(eq(settings.key, "id")).get()?.value ?? drawn.value;
}
