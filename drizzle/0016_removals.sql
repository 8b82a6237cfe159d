CREATE TABLE `removals` (
	`name` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`reason` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `removals_at` ON `removals` (`at`);