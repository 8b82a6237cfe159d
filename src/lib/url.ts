/**
 * URLs as they may be shown.
 */

/** The text with user names and passwords in URLs replaced: mirrors may need them, clients and logs never do. */
export function maskCredentials(text: string): string {
  // Up to the last @ before the path, whatever stands there, as URL parsers have it (whatwg: authority state).
  return text.replace(/(\b[a-z][a-z0-9+.-]*:[/\\]+)[^/\\?#\s]*@/gi, "$1***@");
}
