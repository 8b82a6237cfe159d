CREATE TABLE `mirror_files` (
	`path` text PRIMARY KEY NOT NULL,
	`stem` text NOT NULL,
	`size` integer NOT NULL,
	`blake2b` text,
	`stamp` text NOT NULL,
	`last_modified_at` integer NOT NULL,
	`source` text NOT NULL,
	`etag` text,
	`last_modified` text,
	`cache_control` text NOT NULL,
	`expires_at` integer,
	`date_at` integer NOT NULL,
	`answered_at` integer NOT NULL,
	`initial_age_ms` integer NOT NULL,
	`outdated` integer DEFAULT false NOT NULL,
	`stored_at` integer NOT NULL,
	`used_at` integer NOT NULL,
	`uses` integer DEFAULT 0 NOT NULL,
	`heat` real DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE INDEX `mirror_files_stem` ON `mirror_files` (`stem`);--> statement-breakpoint
CREATE TABLE `mirror_partials` (
	`path` text PRIMARY KEY NOT NULL,
	`url` text NOT NULL,
	`etag` text,
	`last_modified` text,
	`total` integer NOT NULL
);
