/**
 * Lists the resolutions in which statistics are kept and shown, and the orders in which files are listed.
 */

export const RESOLUTIONS = ["minute", "hour", "day"] as const;
export type HistoryResolution = (typeof RESOLUTIONS)[number];

/** Columns that the file list can be sorted by. */
export const FILE_ORDERS = ["name", "size", "stored_at", "used_at", "uses"] as const;
export type FileOrder = (typeof FILE_ORDERS)[number];
