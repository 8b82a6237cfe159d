/**
 * Defines which files are held back whole until they are verified: their clients then get one buffer with a Content-Length.
 */

export const HOLD_LIMIT_BYTES = 4 * 1024 * 1024;
