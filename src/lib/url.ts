/** Replaces user names and passwords in URLs: mirrors may need them, clients and logs never do. */
export function maskCredentials(text: string): string {
  // Up to the last @ before the path, as URL parsers do (WHATWG URL, authority state).
  // One character of the scheme is enough: to look for its start takes quadratic time in a name full of dots.
  return text.replace(/([a-z0-9+.-]:[/\\]+)[^/\\?#\s]*@/gi, "$1***@");
}
