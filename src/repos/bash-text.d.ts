/** A bash script as text: `import text from "./x.bash" with { type: "text" }`, which bun also builds into the executable. */
declare module "*.bash" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: this is how bun gives it
  export default text;
}
