CREATE TABLE `files` (
	`name` text PRIMARY KEY NOT NULL,
	`size` integer NOT NULL,
	`blake2b` text,
	`sha512` text,
	`stamp` text NOT NULL,
	`source` text NOT NULL,
	`stored_at` integer NOT NULL,
	`used_at` integer NOT NULL,
	`uses` integer DEFAULT 0 NOT NULL,
	`use_score` real DEFAULT 1 NOT NULL,
	`wanted_once` integer DEFAULT false NOT NULL,
	`orphaned_at` integer,
	`verified_at` integer,
	`bad_stamp` text
);
--> statement-breakpoint
INSERT INTO `files`("name", "size", "blake2b", "sha512", "stamp", "source", "stored_at", "used_at", "uses", "use_score", "wanted_once", "orphaned_at", "verified_at", "bad_stamp") SELECT "name", "size", "blake2b", "sha512", "stamp", "source", "stored_at", "used_at", "uses", "heat", "wanted_once", "orphaned_at", "verified_at", "bad_stamp" FROM `distfiles` ORDER BY "name";--> statement-breakpoint
INSERT INTO `files`("name", "size", "blake2b", "stamp", "source", "stored_at", "used_at", "uses", "use_score", "verified_at") SELECT "path", "size", "blake2b", "stamp", "source", "stored_at", "used_at", "uses", "heat", "verified_at" FROM `mirror_files` ORDER BY "path";--> statement-breakpoint
CREATE INDEX `files_verified` ON `files` (`verified_at`);--> statement-breakpoint
CREATE INDEX `files_size` ON `files` (`size`);--> statement-breakpoint
CREATE INDEX `files_stored_at` ON `files` (`stored_at`);--> statement-breakpoint
CREATE INDEX `files_uses` ON `files` (`uses`);--> statement-breakpoint
CREATE TABLE `hosts` (
	`host` text PRIMARY KEY NOT NULL,
	`first_byte_ms` real,
	`recent_first_byte_ms` text NOT NULL,
	`bytes_per_second` real,
	`speed_bytes` real NOT NULL,
	`delivered` real NOT NULL,
	`absent` real NOT NULL,
	`failed` real NOT NULL,
	`strikes` integer NOT NULL,
	`open_until` integer,
	`open_for_ms` integer NOT NULL,
	`seen_at` integer NOT NULL,
	`last_request_at` integer NOT NULL,
	`active_requests` integer NOT NULL
);
--> statement-breakpoint
INSERT INTO `hosts`("host", "first_byte_ms", "recent_first_byte_ms", "bytes_per_second", "speed_bytes", "delivered", "absent", "failed", "strikes", "open_until", "open_for_ms", "seen_at", "last_request_at", "active_requests") SELECT "place", "first_byte_ms", "recent_first_byte_ms", "bytes_per_second", "speed_bytes", "delivered", "absent", "failed", "strikes", "open_until", "open_for_ms", "seen_at", "asked_at", "carrying" FROM `places`;--> statement-breakpoint
CREATE TABLE `http_metadata` (
	`name` text PRIMARY KEY NOT NULL,
	`stem` text NOT NULL,
	`etag` text,
	`last_modified` text,
	`cache_control` text NOT NULL,
	`expires_at` integer,
	`date_at` integer NOT NULL,
	`answered_at` integer NOT NULL,
	`initial_age_ms` integer NOT NULL,
	`outdated` integer DEFAULT false NOT NULL,
	FOREIGN KEY (`name`) REFERENCES `files`(`name`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
INSERT INTO `http_metadata`("name", "stem", "etag", "last_modified", "cache_control", "expires_at", "date_at", "answered_at", "initial_age_ms", "outdated") SELECT "path", "stem", "etag", "last_modified", "cache_control", "expires_at", "date_at", "answered_at", "initial_age_ms", "outdated" FROM `mirror_files`;--> statement-breakpoint
CREATE INDEX `http_metadata_stem` ON `http_metadata` (`stem`);--> statement-breakpoint
CREATE TABLE `__new_partials` (
	`name` text PRIMARY KEY NOT NULL,
	`url` text NOT NULL,
	`etag` text,
	`last_modified` text,
	`total` integer NOT NULL
);
--> statement-breakpoint
INSERT INTO `__new_partials`("name", "url", "etag", "total") SELECT "name", "url", "etag", "total" FROM `partials`;--> statement-breakpoint
INSERT INTO `__new_partials`("name", "url", "etag", "last_modified", "total") SELECT "path", "url", "etag", "last_modified", "total" FROM `mirror_partials`;--> statement-breakpoint
DROP TABLE `partials`;--> statement-breakpoint
ALTER TABLE `__new_partials` RENAME TO `partials`;--> statement-breakpoint
DROP TABLE `distfiles`;--> statement-breakpoint
DROP TABLE `mirror_files`;--> statement-breakpoint
DROP TABLE `mirror_partials`;--> statement-breakpoint
DROP TABLE `places`;--> statement-breakpoint
UPDATE `settings` SET "key" = 'repositories_current_at' WHERE "key" = 'trees_well_at';
