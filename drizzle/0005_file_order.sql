CREATE INDEX `distfiles_size` ON `distfiles` (`size`);--> statement-breakpoint
CREATE INDEX `distfiles_stored_at` ON `distfiles` (`stored_at`);--> statement-breakpoint
CREATE INDEX `distfiles_uses` ON `distfiles` (`uses`);