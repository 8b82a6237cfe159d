CREATE TABLE `clients` (
	`address` text PRIMARY KEY NOT NULL,
	`requests` integer NOT NULL,
	`hits` integer NOT NULL,
	`bytes` integer NOT NULL,
	`first_seen` integer NOT NULL,
	`last_seen` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `failures` (
	`file` text NOT NULL,
	`kind` text NOT NULL,
	`reason` text NOT NULL,
	`count` integer NOT NULL,
	`first_at` integer NOT NULL,
	`last_at` integer NOT NULL,
	PRIMARY KEY(`kind`, `file`)
);
--> statement-breakpoint
CREATE TABLE `statistics` (
	`resolution` text NOT NULL,
	`at` integer NOT NULL,
	`hits` integer NOT NULL,
	`misses` integer NOT NULL,
	`joined` integer NOT NULL,
	`absent` integer NOT NULL,
	`failed` integer NOT NULL,
	`refused` integer NOT NULL,
	`other` integer NOT NULL,
	`hit_bytes` integer NOT NULL,
	`miss_bytes` integer NOT NULL,
	`joined_bytes` integer NOT NULL,
	`mirror_bytes` integer NOT NULL,
	`uri_bytes` integer NOT NULL,
	PRIMARY KEY(`resolution`, `at`)
);
