/** Parameters of a query whose values give access, such as `private_token` and `X-Amz-Signature`. */
const SECRET_PARAMETER =
  /([?&;](?:[a-z0-9]+[-_]){0,3}(?:token|secret|signature|sig|password|passwd|credential|auth|apikey|api[-_]key)=)[^&;#\s]+/gi;

/** Replaces user names, passwords and tokens in URLs: sources may need them, clients and logs never do. */
export function maskCredentials(text: string): string {
  // Up to the last @ before the path, as URL parsers do (WHATWG URL, authority state).
  // One character of the scheme is enough: to look for its start takes quadratic time in a name full of dots.
  const masked = text.replace(/([a-z0-9+.-]:[/\\]+)[^/\\?#\s]*@/gi, "$1***@");
  return masked.includes("=") ? masked.replace(SECRET_PARAMETER, "$1***") : masked;
}

/** Returns whether it is a URL that git or rsync can clone: with a scheme, or USER@HOST:PATH. */
export function isRepositoryUrl(text: string): boolean {
  return (
    (/^(?:https?|git|ssh|rsync|file):\/\/\S+$/i.test(text) && URL.canParse(text)) || /^[\w.-]+@[\w.-]+:\S+$/.test(text)
  );
}
