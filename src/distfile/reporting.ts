/**
 * Lists the resolutions in which statistics are kept and shown, and the orders in which files are listed.
 */

export const RESOLUTIONS = ["minute", "hour", "day"] as const;
export type HistoryResolution = (typeof RESOLUTIONS)[number];

/** Columns that the file list can be sorted by. */
export const FILE_ORDERS = ["name", "size", "stored_at", "used_at", "uses"] as const;
export type FileOrder = (typeof FILE_ORDERS)[number];

/** Why a file is removed from the store: by clean-up (the first three), by somebody's request, or as its bytes were wrong. */
export const REMOVAL_REASONS = ["orphan", "age", "space", "dropped", "damaged"] as const;
export type RemovalReason = (typeof REMOVAL_REASONS)[number];
