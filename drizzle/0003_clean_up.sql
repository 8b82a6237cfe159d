ALTER TABLE `distfiles` ADD `heat` real DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `distfiles` ADD `wanted_once` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `distfiles` ADD `orphaned_at` integer;--> statement-breakpoint
ALTER TABLE `distfiles` ADD `verified_at` integer;--> statement-breakpoint
ALTER TABLE `distfiles` ADD `bad_stamp` text;--> statement-breakpoint
CREATE INDEX `distfiles_verified` ON `distfiles` (`verified_at`);