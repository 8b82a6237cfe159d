import { defineConfig } from "drizzle-kit";

// As drizzle.config.ts, for the file that scans write.
export default defineConfig({
  dialect: "sqlite",
  schema: "./src/index/manifests-schema.ts",
  out: "./drizzle/trees",
});
