/** Replaces user names and passwords in URLs: mirrors may need them, clients and logs never do. */
export function maskCredentials(text: string): string {
  // Up to the last @ before the path, as URL parsers do (WHATWG URL, authority state).
  // One character of the scheme is enough: to look for its start takes quadratic time in a name full of dots.
  return text.replace(/([a-z0-9+.-]:[/\\]+)[^/\\?#\s]*@/gi, "$1***@");
}

/** Returns whether it is a URL that git or rsync can clone: with a scheme, or USER@HOST:PATH. */
export function isRepositoryUrl(text: string): boolean {
  return (
    (/^(?:https?|git|ssh|rsync|file):\/\/\S+$/i.test(text) && URL.canParse(text)) || /^[\w.-]+@[\w.-]+:\S+$/.test(text)
  );
}
