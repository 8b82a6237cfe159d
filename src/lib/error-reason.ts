/**
 * Says why something failed in the words of the field: "connection refused", "no such file or directory". The platform's own
 * sentences never reach a reader. Pure; the codes are those that Bun, its fetch(), TLS, the resolver and SQLite give (measured).
 */

const REASONS: Readonly<Record<string, string>> = {
  // Files, errno(3).
  E2BIG: "argument list too long",
  EACCES: "permission denied",
  EAGAIN: "resource temporarily unavailable",
  EBADF: "bad file descriptor",
  EBUSY: "device or resource busy",
  EDQUOT: "disk quota exceeded",
  EEXIST: "file exists",
  EFBIG: "file too large",
  EINTR: "interrupted system call",
  EINVAL: "invalid argument",
  EIO: "input/output error",
  EISDIR: "is a directory",
  ELOOP: "too many levels of symbolic links",
  EMFILE: "too many open files",
  EMLINK: "too many links",
  ENAMETOOLONG: "file name too long",
  ENFILE: "too many open files in system",
  ENODEV: "no such device",
  ENOENT: "no such file or directory",
  ENOEXEC: "exec format error",
  ENOMEM: "out of memory",
  ENOSPC: "no space left on device",
  ENOSYS: "function not implemented",
  ENOTDIR: "not a directory",
  ENOTEMPTY: "directory not empty",
  ENOTSUP: "operation not supported",
  ENXIO: "no such device or address",
  EOPNOTSUPP: "operation not supported",
  EPERM: "operation not permitted",
  EPIPE: "broken pipe",
  EROFS: "read-only file system",
  ERR_FS_EISDIR: "is a directory",
  ESTALE: "stale file handle",
  ETXTBSY: "text file busy",
  EXDEV: "cross-device link",
  // Connections.
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "address not available",
  EAFNOSUPPORT: "address family not supported",
  ECONNABORTED: "connection aborted",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EHOSTDOWN: "host is down",
  EHOSTUNREACH: "no route to host",
  ENETDOWN: "network is down",
  ENETUNREACH: "network unreachable",
  ENOTCONN: "not connected",
  ENOTSOCK: "not a socket",
  ETIMEDOUT: "timed out",
  AbortError: "aborted",
  TimeoutError: "timed out",
  // HTTP.
  ERR_INVALID_URL: "invalid URL",
  InvalidContentLength: "invalid Content-Length",
  InvalidHTTPResponse: "invalid HTTP response",
  Malformed_HTTP_Response: "invalid HTTP response",
  TooManyRedirects: "too many redirects",
  UnrequestedUpgrade: "switches to a protocol that nobody asked for",
  UnsupportedRedirectProtocol: "redirect to an unsupported protocol",
  UnsupportedTransferEncoding: "unsupported Transfer-Encoding",
  ZlibError: "invalid compressed data",
  BrotliDecompressionError: "invalid compressed data",
  ZstdDecompressionError: "invalid compressed data",
  // Names.
  EAI_AGAIN: "temporary failure in name resolution",
  ENODATA: "host has no address",
  ENOTFOUND: "host not found",
  ESERVFAIL: "name server failed",
  EREFUSED: "name server refused",
  ETIMEOUT: "timed out",
  // TLS.
  CERT_HAS_EXPIRED: "certificate has expired",
  CERT_NOT_YET_VALID: "certificate is not yet valid",
  CERT_REVOKED: "certificate is revoked",
  CERT_UNTRUSTED: "certificate is not trusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "certificate is self-signed",
  EPROTO: "TLS handshake failed",
  ERR_OSSL_BAD_DECRYPT: "the key is protected by a passphrase, which nobody could enter",
  ERR_OSSL_PEM_NO_START_LINE: "not in PEM format",
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: "the key does not belong to the certificate",
  ERR_TLS_CERT_ALTNAME_INVALID: "certificate is for another host",
  SELF_SIGNED_CERT_IN_CHAIN: "certificate is signed by an unknown authority",
  UNABLE_TO_GET_ISSUER_CERT: "certificate is signed by an unknown authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "certificate is signed by an unknown authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "certificate is signed by an unknown authority",
  // SQLite, by primary result code.
  SQLITE_BUSY: "database is locked",
  SQLITE_CANTOPEN: "cannot open the database",
  SQLITE_CORRUPT: "database is corrupt",
  SQLITE_FULL: "no space left on device",
  SQLITE_IOERR: "input/output error",
  SQLITE_LOCKED: "database is locked",
  SQLITE_NOMEM: "out of memory",
  SQLITE_NOTADB: "not a database",
  SQLITE_PERM: "permission denied",
  SQLITE_PROTOCOL: "database is locked",
  SQLITE_READONLY: "database is read-only",
};

/** Returns the code of a system call's error, such as "ENOENT"; empty for other errors. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function textField(error: Error, name: "code" | "path" | "syscall"): string {
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" ? value : "";
}

function fromTable(error: Error): string | undefined {
  const code = textField(error, "code");
  // posix_spawn(3) and a search of PATH have the same code.
  if (code === "ENOENT" && error.message.startsWith("Executable not found")) {
    const name = /"([^"]*)"$/.exec(error.message)?.[1];
    return name === undefined ? "command not found" : `${name}: command not found`;
  }
  const primary = /^SQLITE_[A-Z]+/.exec(code)?.[0];
  for (const key of [code, primary ?? "", error.name]) if (Object.hasOwn(REASONS, key)) return REASONS[key];
  return undefined;
}

/** Takes `ENOENT: ` and `, open '/path'` off a message; in linear time, as paths come from others. */
function withoutSyscall(message: string): string {
  const code = /^E[A-Z0-9]+: /.exec(message)?.[0];
  if (code === undefined) return message;
  const reason = message.slice(code.length);
  const end = reason.search(reason.endsWith("'") ? /, \w+ '/ : /, \w+$/);
  return end < 0 ? reason : reason.slice(0, end);
}

/** A message without what Bun puts around it: the code, the system call and its path, the URL, advice for programmers. */
function bare(message: string): string {
  return withoutSyscall(message)
    .replace(/ fetching ".*?"/, "")
    .replace(/\.? For more information, pass .*$/, "")
    .replace(/^JSON Parse error: /, "");
}

/** Returns whether the message says only that something failed, and the cause says what. */
function isWrapper(error: Error): boolean {
  return error.cause !== undefined && (error.message === "" || error.name.startsWith("Drizzle"));
}

/** Returns why it failed, as the end of a sentence; an error of our own says so by its message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.message === "" && error.errors.length > 0)
    return reasonOf(error.errors[0]);
  const known = fromTable(error);
  if (known !== undefined) return known;
  return isWrapper(error) ? reasonOf(error.cause) : bare(error.message);
}

/** Returns why it failed, with the system call and the file that it failed for, where the sentence before does not name the file. */
export function reasonWithPath(error: unknown): string {
  const reason = reasonOf(error);
  if (!(error instanceof Error)) return reason;
  const path = textField(error, "path");
  // fetch() has its URL there.
  if (!path.startsWith("/") || textField(error, "code") === "") return reason;
  return `${[textField(error, "syscall"), path].filter(Boolean).join(" ")}: ${reason}`;
}
