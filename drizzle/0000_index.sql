CREATE TABLE `dist_entries` (
	`manifest_id` integer NOT NULL,
	`name` text NOT NULL,
	`size` integer NOT NULL,
	`blake2b` text,
	`sha512` text,
	`blake2b_start` text GENERATED ALWAYS AS (substr(blake2b, 1, 5)) VIRTUAL,
	`sha512_start` text GENERATED ALWAYS AS (substr(sha512, 1, 5)) VIRTUAL,
	FOREIGN KEY (`manifest_id`) REFERENCES `manifests`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `dist_entries_manifest` ON `dist_entries` (`manifest_id`);--> statement-breakpoint
CREATE INDEX `dist_entries_name` ON `dist_entries` (`name`);--> statement-breakpoint
CREATE INDEX `dist_entries_blake2b` ON `dist_entries` (`blake2b_start`);--> statement-breakpoint
CREATE INDEX `dist_entries_sha512` ON `dist_entries` (`sha512_start`);--> statement-breakpoint
CREATE TABLE `distfiles` (
	`name` text PRIMARY KEY NOT NULL,
	`size` integer NOT NULL,
	`blake2b` text,
	`sha512` text,
	`stamp` text NOT NULL,
	`last_modified_at` integer NOT NULL,
	`source` text NOT NULL,
	`stored_at` integer NOT NULL,
	`used_at` integer NOT NULL,
	`uses` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE `manifests` (
	`id` integer PRIMARY KEY NOT NULL,
	`repository_id` integer NOT NULL,
	`category` text NOT NULL,
	`package` text NOT NULL,
	`stamp` text NOT NULL,
	`distfiles` integer NOT NULL,
	FOREIGN KEY (`repository_id`) REFERENCES `repositories`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `manifests_package` ON `manifests` (`repository_id`,`category`,`package`);--> statement-breakpoint
CREATE TABLE `mirror_layouts` (
	`url` text PRIMARY KEY NOT NULL,
	`layout_conf` text NOT NULL,
	`fetched_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `partials` (
	`name` text PRIMARY KEY NOT NULL,
	`url` text NOT NULL,
	`etag` text NOT NULL,
	`total` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `repositories` (
	`id` integer PRIMARY KEY NOT NULL,
	`location` text NOT NULL,
	`name` text NOT NULL,
	`position` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `repositories_location` ON `repositories` (`location`);--> statement-breakpoint
CREATE TABLE `settings` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
