/** What `import … with { type: "text" }` gives. */
declare module "*.css" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: this is how bun gives it
  export default text;
}

declare module "*copy-buttons.js" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: this is how bun gives it
  export default text;
}
