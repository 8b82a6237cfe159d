CREATE TABLE `kind_counts` (
	`kind` text PRIMARY KEY NOT NULL,
	`hits` integer NOT NULL,
	`misses` integer NOT NULL,
	`joined` integer NOT NULL,
	`absent` integer NOT NULL,
	`failed` integer NOT NULL,
	`refused` integer NOT NULL,
	`other` integer NOT NULL,
	`hit_bytes` integer NOT NULL,
	`miss_bytes` integer NOT NULL,
	`joined_bytes` integer NOT NULL
);
