import { defineConfig } from "drizzle-kit";

// drizzle-kit reads its configuration from a default export; nothing else in the project has one.
export default defineConfig({
  dialect: "sqlite",
  schema: "./src/index/schema.ts",
  out: "./drizzle",
});
