CREATE TABLE `evaluations` (
	`location` text NOT NULL,
	`category` text NOT NULL,
	`package` text NOT NULL,
	`pf` text NOT NULL,
	`md5` text NOT NULL,
	`eclasses` text NOT NULL,
	`eapi` text NOT NULL,
	`src_uri` text NOT NULL,
	`restrict` text NOT NULL,
	`homepage` text NOT NULL,
	PRIMARY KEY(`location`, `category`, `package`, `pf`),
	FOREIGN KEY (`location`) REFERENCES `repositories`(`location`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `mirror_answers` (
	`mirror` text NOT NULL,
	`repository` text NOT NULL,
	`found` integer NOT NULL,
	`absent` integer NOT NULL,
	PRIMARY KEY(`mirror`, `repository`)
);
