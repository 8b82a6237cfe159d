/** Declares the text files that setup installs: bun builds them into the executable. */
declare module "*.initd" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: this is how bun gives it
  export default text;
}
declare module "*.confd" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: this is how bun gives it
  export default text;
}
declare module "*.service" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: this is how bun gives it
  export default text;
}
declare module "*.sh" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: this is how bun gives it
  export default text;
}
declare module "*.logrotate" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: this is how bun gives it
  export default text;
}
