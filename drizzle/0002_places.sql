CREATE TABLE `places` (
	`place` text PRIMARY KEY NOT NULL,
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
	`asked_at` integer NOT NULL,
	`carrying` integer NOT NULL
);
