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
CREATE TABLE `manifests` (
	`id` integer PRIMARY KEY NOT NULL,
	`repository_id` integer NOT NULL,
	`category` text NOT NULL,
	`package` text NOT NULL,
	`stamp` text NOT NULL,
	`distfiles` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `manifests_package` ON `manifests` (`repository_id`,`category`,`package`);